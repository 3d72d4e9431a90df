# Who may sign in, as the expressions that Google evaluates. terraform/tests/sign-in.test.ts tries them with tokens.

mock_provider "google" {}

variables {
  project_id    = "acme-customerio"
  repository_id = "123456789"
  state_bucket  = "acme-customerio-terraform"
}

run "prod" {
  command = plan

  variables {
    environment = "prod"
  }

  assert {
    condition     = google_iam_workload_identity_pool_provider.github.attribute_condition == "assertion.repository_id == \"123456789\" && (assertion.ref == \"refs/heads/main\")"
    error_message = "Something else than main of the repository may sign in: ${google_iam_workload_identity_pool_provider.github.attribute_condition}"
  }
}

run "dev" {
  command = plan

  variables {
    environment           = "dev"
    plan_on_pull_requests = true
  }

  assert {
    condition     = google_iam_workload_identity_pool_provider.github.attribute_condition == "assertion.repository_id == \"123456789\" && (assertion.ref == \"refs/heads/main\" || (assertion.event_name == \"pull_request\" && assertion.environment == \"dev-plan\"))"
    error_message = "Something else than main and pull requests of the repository may sign in: ${google_iam_workload_identity_pool_provider.github.attribute_condition}"
  }
}

run "two_pipelines" {
  command = plan

  variables {
    environment           = "dev"
    more_environments     = ["dev-uk"]
    plan_on_pull_requests = true
  }

  assert {
    condition     = google_iam_workload_identity_pool_provider.github.attribute_condition == "assertion.repository_id == \"123456789\" && (assertion.ref == \"refs/heads/main\" || (assertion.event_name == \"pull_request\" && assertion.environment == \"dev-plan\") || (assertion.event_name == \"pull_request\" && assertion.environment == \"dev-uk-plan\"))"
    error_message = "The second pipeline's pull requests may not sign in, or something else may: ${google_iam_workload_identity_pool_provider.github.attribute_condition}"
  }

  assert {
    condition     = { for name, one in local.more_sign_ins : name => one } == { dev-uk-plan = "plan", dev-uk = "apply" } && length(google_service_account_iam_member.more) == 2 && length(google_service_account.github) == 2
    error_message = "The second pipeline's environments do not become the accounts of the first, each the right one."
  }
}

run "one_environment_twice" {
  command = plan

  variables {
    environment       = "dev"
    more_environments = ["dev"]
  }

  expect_failures = [var.more_environments]
}

run "a_repository_by_its_name" {
  command = plan

  variables {
    environment   = "dev"
    repository_id = "acme/customerio-gcp"
  }

  expect_failures = [var.repository_id]
}
