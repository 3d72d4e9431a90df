# The module from outside, with a topic, a function, a table and a view that it does not have.

mock_provider "google" {
  source = "../../tests/mocks/google"
}

mock_provider "google-beta" {
  source = "../../tests/mocks/google-beta"
}

mock_provider "archive" {}

mock_provider "time" {}

variables {
  bundle_dir = "../../tests/fixtures/bundles"
}

run "additions_are_planned_beside_the_pipeline" {
  command = plan

  assert {
    condition     = alltrue([for topic in ["surveys", "surveys-dead-letter", "identify"] : contains(keys(output.topics), topic)])
    error_message = "A topic that is added, or one of the pipeline's, is missing."
  }

  assert {
    condition     = google_bigquery_table_iam_member.surveys.table_id == "survey_answers"
    error_message = "The table that is added is missing, or its function may not write to it."
  }

  assert {
    condition     = contains(keys(module.customerio.resources.functions), "surveys") && contains(keys(module.customerio.resources.bundles), "surveys")
    error_message = "The function that is added is missing, or its bundle was not found beside the additions."
  }

  assert {
    condition     = strcontains(module.customerio.resources.views["survey_scores"].view[0].query, "acme-marketing.customerio.survey_answers")
    error_message = "The view that is added is missing, or does not read this project's dataset."
  }
}
