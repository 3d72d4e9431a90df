# An apply must not resume what `cio-gcp pause` has stopped.

mock_provider "google" {
  source = "./tests/mocks/google"
}

mock_provider "google-beta" {
  source = "./tests/mocks/google-beta"
}

mock_provider "archive" {}

mock_provider "time" {}

variables {
  pipeline          = yamldecode(file("pipeline.yaml"))
  bundle_dir        = "tests/fixtures/bundles"
  environment       = "test"
  project_id        = "acme-customerio-test"
  region            = "europe-west1"
  customerio_region = "eu"
  recipients        = { allow = ["@acme.example"] }
  runbook_url       = "https://example.com/runbooks"
}

# Terraform itself never sets these labels: `cio-gcp pause` does.
run "a_paused_subscription" {
  command = plan

  override_resource {
    target          = google_pubsub_subscription.subscription["track"]
    override_during = plan
    values = {
      effective_labels = { paused-since = "1790000000", paused-by-00 = "jane_40acme_2ecom", paused-push-00 = "_7b_7d" }
    }
  }

  expect_failures = [google_pubsub_subscription.subscription]
}
