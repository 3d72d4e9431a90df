# Two pipelines in one project, each with everything that can be switched on. In one root module here, so that one plan shows
# that they have no name in common; yours have a folder and a state each, so that one can be changed without the other.

terraform {
  required_version = ">= 1.11"

  backend "gcs" {
    bucket = "acme-marketing-terraform"
    prefix = "customerio"
  }

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 8.0"
    }
    google-beta = {
      source  = "hashicorp/google-beta"
      version = "~> 8.0"
    }
    archive = {
      source  = "hashicorp/archive"
      version = "~> 2.7"
    }
    time = {
      source  = "hashicorp/time"
      version = "~> 0.13"
    }
  }
}

provider "google" {
  project = local.shared.project_id
}

provider "google-beta" {
  project = local.shared.project_id
}

variable "bundle_dir" {
  description = "Where `npm run build` has put the functions' bundles."
  type        = string
  default     = null
}

locals {
  pipeline   = yamldecode(file("${path.module}/../../pipeline.yaml"))
  bundle_dir = coalesce(var.bundle_dir, "${path.module}/../../../dist")

  shared = {
    project_id  = "acme-marketing"
    runbook_url = "https://github.com/acme/customerio-gcp/blob/main/terraform/runbooks"
    channels    = { on-call = { type = "email", labels = { email_address = "oncall@acme.com" } } }
    budget      = { billing_account = "012345-6789AB-CDEF01", amount_per_month = 500 }
    operators   = ["group:oncall@acme.com"]
    readers     = ["group:analysts@acme.com"]
    deployers   = ["serviceAccount:github-prod@acme-marketing.iam.gserviceaccount.com"]
  }
}

# The first one, which was there before: the names of pipeline.yaml.
module "acme" {
  source = "../.."

  pipeline    = local.pipeline
  bundle_dir  = local.bundle_dir
  environment = "prod"
  project_id  = local.shared.project_id
  region      = "europe-west1"

  production            = true
  customerio_region     = "eu"
  publishers            = { track = ["serviceAccount:shop@acme-shop-prod.iam.gserviceaccount.com"] }
  probe                 = { enabled = true }
  webhook_silence_hours = 24
  runbook_url           = local.shared.runbook_url
  notification_channels = local.shared.channels
  budget                = local.shared.budget
  operators             = local.shared.operators
  readers               = local.shared.readers
  deployers             = local.shared.deployers
}

# The second one, for another brand with an account of its own at Customer.io. Its prefix is as long as a prefix may be.
module "outdoor" {
  source = "../.."

  pipeline    = local.pipeline
  bundle_dir  = local.bundle_dir
  environment = "prod"
  project_id  = local.shared.project_id
  region      = "europe-west1"
  name_prefix = "acme-outdoor1-"

  production            = true
  customerio_region     = "us"
  publishers            = { track = ["serviceAccount:shop@acme-outdoor-prod.iam.gserviceaccount.com"] }
  probe                 = { enabled = true }
  webhook_silence_hours = 24
  runbook_url           = local.shared.runbook_url
  notification_channels = local.shared.channels
  budget                = local.shared.budget
  operators             = local.shared.operators
  readers               = local.shared.readers
  deployers             = local.shared.deployers
}

output "topics" {
  description = "Topics to publish to, by pipeline: full ids by name."
  value       = { acme = module.acme.topics, outdoor = module.outdoor.topics }
}
