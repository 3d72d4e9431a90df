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
  project = local.project_id
}

provider "google-beta" {
  project = local.project_id
}

variable "bundle_dir" {
  description = "Where `npm run build` has put the bundles of the pipeline's own functions."
  type        = string
  default     = null
}

locals {
  project_id = "acme-marketing"

  # A copy of the version's pipeline.yaml, and what is added to it, section by section.
  base      = yamldecode(file("${path.module}/../../pipeline.yaml"))
  additions = yamldecode(file("${path.module}/pipeline.yaml"))
}

module "customerio" {
  source = "../.."

  pipeline = merge(local.base, {
    for section in ["topics", "subscriptions", "functions"] : section => merge(local.base[section], local.additions[section])
    }, {
    bigquery = merge(local.base.bigquery, {
      for kind in ["tables", "views"] : kind => merge(local.base.bigquery[kind], local.additions.bigquery[kind])
    })
  })
  pipeline_dir = path.module
  bundle_dir   = coalesce(var.bundle_dir, "${path.module}/../../../dist")

  environment       = "prod"
  project_id        = local.project_id
  region            = "europe-west1"
  customerio_region = "eu"
  production        = true
  runbook_url       = "https://github.com/acme/customerio-gcp/blob/main/terraform/runbooks"
  publishers        = { surveys = ["serviceAccount:shop@acme-shop-prod.iam.gserviceaccount.com"] }
}

# The module lets the pipeline's own function write to every table. The one that is added may write to its own.
resource "google_bigquery_table_iam_member" "surveys" {
  project    = local.project_id
  dataset_id = split(".", module.customerio.dataset)[1]
  table_id   = module.customerio.tables.survey_answers
  role       = "roles/bigquery.dataEditor"
  member     = "serviceAccount:${module.customerio.function_accounts.surveys}"
}

output "topics" {
  description = "Topics to publish to, with our own: full ids by name."
  value       = module.customerio.topics
}
