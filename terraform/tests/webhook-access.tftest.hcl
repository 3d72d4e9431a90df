# The three ways of Customer.io's requests to the webhook, each planned. The exception of the organisation's policy itself is
# tested in bootstrap/org-policy.

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
  production        = true
  runbook_url       = "https://example.com/runbooks"
}

run "all_users" {
  command = plan

  assert {
    condition     = { for name, g in google_cloud_run_v2_service_iam_member.public : name => "${g.role} ${g.member}" } == { webhook = "roles/run.invoker allUsers" }
    error_message = "By default everybody may invoke the webhook, and nothing else."
  }

  assert {
    condition     = output.disable_invoker_check == null
    error_message = "There is no check to disable where everybody may invoke."
  }
}

run "org_policy_exception" {
  command = plan

  variables {
    webhook_access = "org_policy_exception"
  }

  assert {
    condition     = { for name, g in google_cloud_run_v2_service_iam_member.public : name => "${g.role} ${g.member}" } == { webhook = "roles/run.invoker allUsers" }
    error_message = "With the exception everybody may invoke the webhook, and nothing else."
  }
}

run "invoker_check_disabled" {
  command = plan

  variables {
    webhook_access = "invoker_check_disabled"
  }

  assert {
    condition     = length(google_cloud_run_v2_service_iam_member.public) == 0
    error_message = "allUsers is named, which the organisation refuses."
  }

  assert {
    condition     = output.disable_invoker_check == "gcloud run services update webhook --no-invoker-iam-check --region=europe-west1 --project=acme-customerio-test"
    error_message = "Nobody is told how to let Customer.io in."
  }
}
