# What must exist before GitHub can deploy to a project: who it signs in as, and what those accounts may do.
# A person with the owner's rights applies it once per project; the pipeline itself is not part of it.

terraform {
  required_version = ">= 1.11"

  backend "gcs" {
    prefix = "bootstrap" # the bucket is given to init, see README.md
  }

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 8.0"
    }
  }
}

provider "google" {
  project = var.project_id
}

variable "project_id" {
  description = "Id of the project of the environment."
  type        = string

  validation {
    condition     = can(regex("^[a-z][-a-z0-9]{4,28}[a-z0-9]$", var.project_id))
    error_message = "Give the project's id (6 to 30 of a-z, 0-9 and -), not its name or number."
  }
}

variable "environment" {
  description = "Name of the GitHub environment that applies; the one that plans is called ENVIRONMENT-plan."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,15}$", var.environment))
    error_message = "Use 2 to 16 of a-z, 0-9 and -, starting with a letter, such as \"staging\"."
  }
}

variable "more_environments" {
  description = "GitHub environments of further pipelines in this project (name_prefix), which sign in as the same accounts."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for name in var.more_environments : can(regex("^[a-z][a-z0-9-]{1,15}$", name)) && name != var.environment])
    error_message = "Use 2 to 16 of a-z, 0-9 and -, starting with a letter, such as [\"staging-uk\"], and not `environment` again."
  }
}

variable "repository_id" {
  description = "Number of the GitHub repository: gh api repos/OWNER/NAME --jq .id. No other may sign in, not even one that takes over its name."
  type        = string

  validation {
    condition     = can(regex("^[0-9]+$", var.repository_id))
    error_message = "Give the repository's number, as `gh api repos/OWNER/NAME --jq .id` shows it: a name can be given up and taken by somebody else."
  }
}

variable "plan_on_pull_requests" {
  description = "Whether pull requests of branches of the repository may plan, which lets whoever can push a branch read this project. Not for prod."
  type        = bool
  default     = false
}

variable "state_bucket" {
  description = "Bucket of Terraform's state."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$", var.state_bucket))
    error_message = "Give the bucket's name without gs://."
  }
}

locals {
  # A plan reads everything and changes nothing. It cannot read the value of a secret.
  plan_roles = [
    "roles/artifactregistry.reader",
    "roles/bigquery.metadataViewer",
    "roles/cloudfunctions.viewer",
    "roles/cloudscheduler.viewer",
    "roles/datastore.viewer",
    "roles/iam.securityReviewer",
    "roles/iam.serviceAccountViewer",
    "roles/logging.viewer",
    "roles/monitoring.viewer",
    "roles/pubsub.viewer",
    "roles/run.viewer",
    "roles/secretmanager.viewer",
    "roles/serviceusage.serviceUsageViewer",
    "roles/storage.bucketViewer",
    "roles/storage.objectViewer",
  ]

  apply_roles = [
    "roles/artifactregistry.admin",
    "roles/bigquery.dataOwner",
    "roles/cloudfunctions.admin",
    "roles/cloudscheduler.admin",
    "roles/datastore.owner",
    "roles/iam.roleAdmin", # the role that may pause a subscription
    "roles/iam.serviceAccountAdmin",
    "roles/logging.configWriter",
    "roles/monitoring.editor",
    "roles/pubsub.admin",
    "roles/run.admin",
    "roles/secretmanager.admin",
    "roles/serviceusage.serviceUsageAdmin",
    "roles/storage.admin",
  ]

  # The only roles the pipeline gives on the project, to its own accounts, readers and operators.
  granted_roles = [
    "roles/bigquery.jobUser",
    "roles/datastore.user",
    "roles/logging.logWriter",
    "roles/logging.viewer",
    "roles/monitoring.viewer",
    "roles/pubsub.viewer",
    "roles/storage.objectViewer",
  ]

  sign_in_condition = join("", [
    "assertion.repository_id == \"${var.repository_id}\" && (assertion.ref == \"refs/heads/main\"",
    join("", [
      for name in concat([var.environment], sort(var.more_environments)) :
      " || (assertion.event_name == \"pull_request\" && assertion.environment == \"${name}-plan\")" if var.plan_on_pull_requests
    ]),
    ")",
  ])

  sign_ins = {
    plan  = "${var.environment}-plan"
    apply = var.environment
  }

  more_sign_ins = merge([
    for name in var.more_environments : { "${name}-plan" = "plan", (name) = "apply" }
  ]...)
}

resource "google_project_service" "api" {
  for_each = toset([
    "cloudresourcemanager.googleapis.com",
    "iam.googleapis.com",
    "iamcredentials.googleapis.com",
    "sts.googleapis.com",
  ])

  service            = each.key
  disable_on_destroy = false
}

resource "google_iam_workload_identity_pool" "github" {
  workload_identity_pool_id = "github"
  display_name              = "GitHub Actions"

  depends_on = [google_project_service.api]
}

resource "google_iam_workload_identity_pool_provider" "github" {
  workload_identity_pool_id          = google_iam_workload_identity_pool.github.workload_identity_pool_id
  workload_identity_pool_provider_id = "github"

  # A branch can change the workflow, so what a job says that it does proves nothing. What proves something is the number of
  # the repository, which is never given again, and the branch: main is protected, and its environment has approvers. The
  # claims: https://docs.github.com/en/actions/reference/security/oidc
  attribute_condition = local.sign_in_condition

  attribute_mapping = {
    "google.subject"        = "assertion.sub"
    "attribute.environment" = "assertion.environment"
  }

  oidc {
    issuer_uri = "https://token.actions.githubusercontent.com"
  }
}

resource "google_service_account" "github" {
  for_each = local.sign_ins

  account_id   = "github-${each.key}"
  display_name = "GitHub Actions: terraform ${each.key}"

  depends_on = [google_project_service.api]
}

# Only a job of that GitHub environment, with whatever approval it asks for, becomes the account.
resource "google_service_account_iam_member" "github" {
  for_each = local.sign_ins

  service_account_id = google_service_account.github[each.key].name
  role               = "roles/iam.workloadIdentityUser"
  member             = "principalSet://iam.googleapis.com/${google_iam_workload_identity_pool.github.name}/attribute.environment/${each.value}"
}

resource "google_service_account_iam_member" "more" {
  for_each = local.more_sign_ins

  service_account_id = google_service_account.github[each.value].name
  role               = "roles/iam.workloadIdentityUser"
  member             = "principalSet://iam.googleapis.com/${google_iam_workload_identity_pool.github.name}/attribute.environment/${each.key}"
}

resource "google_project_iam_member" "plan" {
  for_each = toset(local.plan_roles)

  project = var.project_id
  role    = each.key
  member  = google_service_account.github["plan"].member
}

resource "google_project_iam_member" "apply" {
  for_each = toset(local.apply_roles)

  project = var.project_id
  role    = each.key
  member  = google_service_account.github["apply"].member
}

# May give and take on the project the pipeline's own roles, and so not make itself an owner. A change of the audit
# configuration grants no role, so the condition lets it pass.
resource "google_project_iam_member" "apply_grants" {
  project = var.project_id
  role    = "roles/resourcemanager.projectIamAdmin"
  member  = google_service_account.github["apply"].member

  condition {
    title      = "roles of the pipeline only"
    expression = "api.getAttribute('iam.googleapis.com/modifiedGrantsByRole', []).hasOnly([${join(", ", [for role in local.granted_roles : "'${role}'"])}])"
  }
}

resource "google_storage_bucket_iam_member" "state" {
  for_each = { plan = "roles/storage.objectViewer", apply = "roles/storage.objectUser" }

  bucket = var.state_bucket
  role   = each.value
  member = google_service_account.github[each.key].member
}

output "github_variables" {
  description = "Variables of the GitHub environments, by environment."
  value = {
    for name, key in merge({ for key, name in local.sign_ins : name => key }, local.more_sign_ins) : name => {
      GCP_WORKLOAD_IDENTITY_PROVIDER = google_iam_workload_identity_pool_provider.github.name
      GCP_SERVICE_ACCOUNT            = google_service_account.github[key].email
    }
  }
}

output "deployer" {
  description = "Member for `deployers` in the environment's values.yaml."
  value       = google_service_account.github["apply"].member
}
