# The services the pipeline uses. They stay enabled after a destroy: something else in the project may need them.
resource "google_project_service" "api" {
  for_each = toset(keys(yamldecode(file("${path.module}/services.yaml"))))

  project            = var.project_id
  service            = each.key
  disable_on_destroy = false
}

# How long Google takes until something new is known everywhere. Each wait happens when something was made, and only then:
# `triggers` hold what was made.
locals {
  settling = {
    # "If you enabled this API recently, wait a few minutes for the action to propagate": its own error SERVICE_DISABLED.
    services = "120s"
    # Accounts are eventually consistent: cloud.google.com/iam/docs/service-accounts-create says 60 seconds or more.
    accounts = "120s"
    # "Typically 2 minutes, potentially 7 minutes or more": cloud.google.com/iam/docs/access-change-propagation. With 60 s,
    # half of the first builds failed: github.com/hashicorp/terraform-provider-google/issues/20571.
    permissions = "420s"
  }
}

resource "time_sleep" "services" {
  create_duration = local.settling.services
  triggers        = { services = join(",", keys(google_project_service.api)) }
}

# Google's own accounts that act for Pub/Sub and Secret Manager in this project. They exist only once asked for.
resource "google_project_service_identity" "pubsub" {
  provider   = google-beta
  project    = var.project_id
  service    = "pubsub.googleapis.com"
  depends_on = [time_sleep.services]
}

resource "google_project_service_identity" "secret_manager" {
  provider   = google-beta
  project    = var.project_id
  service    = "secretmanager.googleapis.com"
  depends_on = [time_sleep.services]
}
