terraform {
  required_version = ">= 1.11"

  # The bucket is made once, by hand, before the first init: see ../../README.md.
  backend "gcs" {
    bucket = "acme-customerio-staging-terraform"
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
  project = local.values.project_id
  region  = local.values.region
}

provider "google-beta" {
  project = local.values.project_id
  region  = local.values.region
}
