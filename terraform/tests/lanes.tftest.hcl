# A bulk lane that gets a function of its own: what is deployed besides, and that no subscription is replaced.

mock_provider "google" {
  source = "./tests/mocks/google"
}

mock_provider "google-beta" {
  source = "./tests/mocks/google-beta"
}

mock_provider "archive" {}

mock_provider "time" {}

variables {
  pipeline           = yamldecode(file("pipeline.yaml"))
  bundle_dir         = "tests/fixtures/bundles"
  environment        = "test"
  project_id         = "acme-customerio-test"
  region             = "europe-west1"
  customerio_region  = "eu"
  runbook_url        = "https://example.com/runbooks"
  production         = true
  messages_per_month = { transactional = 1000000 }
}

run "before" {
  assert {
    condition     = length(local.with_bulk_lane) == 0 && toset(keys(google_cloudfunctions2_function.function)) == toset(keys(var.pipeline.functions))
    error_message = "Without a `bulk_lane` in pipeline.yaml there are other functions than those that stand there."
  }
}

run "with_a_bulk_lane" {
  variables {
    pipeline = merge(yamldecode(file("pipeline.yaml")), {
      functions = merge(yamldecode(file("pipeline.yaml")).functions, {
        transactional = merge(yamldecode(file("pipeline.yaml")).functions.transactional, {
          bulk_lane = { part = 0.25, max_instances = 2 }
        })
      })
    })
    messages_per_month = { transactional = 1000000, transactional-bulk = 3000000 }
    min_instances      = { transactional-bulk = 1 }
  }

  assert {
    condition     = keys(google_pubsub_subscription.subscription) == keys(run.before.resources.subscriptions)
    error_message = "A lane's own function adds or removes subscriptions."
  }

  # What makes Google replace a subscription, and all else that it has, stays; its messages stay with it.
  assert {
    condition = {
      for name, s in google_pubsub_subscription.subscription : name => jsonencode(merge(s, { push_config = null }))
      } == {
      for name, s in run.before.resources.subscriptions : name => jsonencode(merge(s, { push_config = null }))
    }
    error_message = "A lane's own function changes more of a subscription than its push address."
  }

  assert {
    condition = [
      for name, s in google_pubsub_subscription.subscription : name
      if jsonencode(s.push_config) != jsonencode(run.before.resources.subscriptions[name].push_config)
    ] == ["transactional-bulk"]
    error_message = "Other subscriptions than the bulk one push elsewhere now."
  }

  assert {
    condition = (
      google_pubsub_subscription.subscription["transactional-bulk"].push_config[0].push_endpoint
      == google_cloudfunctions2_function.function["transactional-bulk"].service_config[0].uri
      && google_cloud_run_v2_service_iam_member.push["transactional-bulk"].name == "transactional-bulk"
      && google_cloud_run_v2_service_iam_member.push["transactional"].name == "transactional"
    )
    error_message = "The bulk subscription does not push to the lane's function, or may not call it."
  }

  assert {
    condition = (
      google_cloudfunctions2_function.function["transactional-bulk"].build_config[0].source[0].storage_source[0].object
      == google_cloudfunctions2_function.function["transactional"].build_config[0].source[0].storage_source[0].object
      && google_cloudfunctions2_function.function["transactional-bulk"].build_config[0].entry_point == "transactional"
      && toset(keys(local.bundle_hash)) == toset(keys(var.pipeline.functions))
    )
    error_message = "The lane's function does not run the bundle of the function that it belongs to."
  }

  # 1,000 requests a second, of which 0.8 are shared out and 0.3 are the function's: 240. A quarter is the lane's.
  assert {
    condition = (
      google_cloudfunctions2_function.function["transactional"].service_config[0].environment_variables.CUSTOMERIO_REQUESTS_PER_SECOND == "36"
      && google_cloudfunctions2_function.function["transactional-bulk"].service_config[0].environment_variables.CUSTOMERIO_REQUESTS_PER_SECOND == "30"
      && google_cloudfunctions2_function.function["transactional-bulk"].service_config[0].environment_variables.CUSTOMERIO_BROADCASTS_PER_SECOND == "0.01"
      && google_cloudfunctions2_function.function["transactional-bulk"].service_config[0].max_instance_count == 2
      && google_cloudfunctions2_function.function["transactional-bulk"].service_config[0].min_instance_count == 1
      && keys(google_cloudfunctions2_function.function["transactional-bulk"].service_config[0].environment_variables)
      == keys(google_cloudfunctions2_function.function["transactional"].service_config[0].environment_variables)
    )
    error_message = "The two functions do not share out what the one had: 180 requests a second by 5 instances and 60 by 2."
  }

  assert {
    condition = (
      contains(keys(google_project_iam_member.ledger), "transactional-bulk")
      && google_pubsub_topic_iam_member.dead_letter_function["transactional-bulk"].topic == google_pubsub_topic.topic["transactional-dead-letter"].id
      && length([for key in keys(google_secret_manager_secret_iam_member.function) : key if endswith(key, " transactional-bulk")]) == length(var.pipeline.functions.transactional.secrets)
    )
    error_message = "The lane's function lacks a permission that the other has."
  }

  assert {
    condition     = output.headroom["transactional-bulk"].most_a_second == 60 && sum(values(output.monthly_cost_usd)) > sum(values(run.before.monthly_cost_usd))
    error_message = "The lane's function does not count in the estimate."
  }
}

run "a_lane_without_a_subscription" {
  command = plan

  variables {
    pipeline = merge(yamldecode(file("pipeline.yaml")), {
      functions = merge(yamldecode(file("pipeline.yaml")).functions, {
        warehouse = merge(yamldecode(file("pipeline.yaml")).functions.warehouse, { bulk_lane = { part = 0.5 } })
      })
    })
  }

  expect_failures = [var.pipeline]
}

run "a_lane_that_leaves_nothing" {
  command = plan

  variables {
    pipeline = merge(yamldecode(file("pipeline.yaml")), {
      functions = merge(yamldecode(file("pipeline.yaml")).functions, {
        track = merge(yamldecode(file("pipeline.yaml")).functions.track, { bulk_lane = { part = 1 } })
      })
    })
  }

  expect_failures = [var.pipeline]
}
