# For webhook_access: org_policy_exception. Lets one project give permissions to allUsers, in an organisation that refuses
# them (all that were made since 2024-05-03). Applied by somebody with roles/orgpolicy.policyAdmin on the organisation.
# https://cloud.google.com/resource-manager/docs/organization-policy/restricting-domains

terraform {
  required_version = ">= 1.11"

  backend "gcs" {
    prefix = "org-policy" # the bucket is given to init, see ../README.md
  }

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 8.0"
    }
  }
}

# The API of policies answers for the project that pays, so it is named.
provider "google" {
  project               = var.project_id
  billing_project       = var.project_id
  user_project_override = true
}

variable "project_id" {
  description = "Id of the project of the environment."
  type        = string

  validation {
    condition     = can(regex("^[a-z][-a-z0-9]{4,28}[a-z0-9]$", var.project_id))
    error_message = "Give the project's id (6 to 30 of a-z, 0-9 and -), not its name or number."
  }
}

variable "constraints" {
  description = "Constraints of the organisation that refuse allUsers; `cio-gcp preflight` reads which are in force."
  type        = set(string)
  default     = ["iam.allowedPolicyMemberDomains"]

  validation {
    condition = length(var.constraints) > 0 && alltrue([
      for constraint in var.constraints : contains(["iam.allowedPolicyMemberDomains", "iam.managed.allowedPolicyMembers"], constraint)
    ])
    error_message = "Name iam.allowedPolicyMemberDomains, iam.managed.allowedPolicyMembers or both."
  }
}

resource "google_project_service" "org_policy" {
  service            = "orgpolicy.googleapis.com"
  disable_on_destroy = false
}

resource "google_org_policy_policy" "exception" {
  for_each = var.constraints

  name   = "projects/${var.project_id}/policies/${each.key}"
  parent = "projects/${var.project_id}"

  spec {
    # A managed constraint is enforced or not; the older one lists whom it allows.
    rules {
      allow_all = startswith(each.key, "iam.managed.") ? null : "TRUE"
      enforce   = startswith(each.key, "iam.managed.") ? "FALSE" : null
    }
  }

  depends_on = [google_project_service.org_policy]
}

output "policies" {
  description = "The policies of the project that were made."
  value       = { for constraint, policy in google_org_policy_policy.exception : constraint => policy.spec[0].rules[0] }
}
