# The services the pipeline uses. They stay enabled after a destroy: something else in the project may need them.
resource "google_project_service" "api" {
  for_each = toset(keys(yamldecode(file("${path.module}/services.yaml"))))

  project            = var.project_id
  service            = each.key
  disable_on_destroy = false
}

# Google's own accounts that act for Pub/Sub and Secret Manager in this project. They exist only once asked for.
resource "google_project_service_identity" "pubsub" {
  provider   = google-beta
  project    = var.project_id
  service    = "pubsub.googleapis.com"
  depends_on = [google_project_service.api]
}

resource "google_project_service_identity" "secret_manager" {
  provider   = google-beta
  project    = var.project_id
  service    = "secretmanager.googleapis.com"
  depends_on = [google_project_service.api]
}
