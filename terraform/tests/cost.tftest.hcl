# The estimate against the examples that are worked out by hand in cost/examples.yaml, and what cost.tf tells the model.

mock_provider "google" {
  source = "./tests/mocks/google"
}

mock_provider "google-beta" {
  source = "./tests/mocks/google-beta"
}

mock_provider "archive" {}

mock_provider "time" {}

variables {
  pipeline                       = yamldecode(file("pipeline.yaml"))
  bundle_dir                     = "tests/fixtures/bundles"
  environment                    = "test"
  project_id                     = "acme-customerio-test"
  region                         = "europe-west1"
  customerio_region              = "eu"
  production                     = true
  customerio_requests_per_second = 1000
  runbook_url                    = "https://example.com/runbooks"
}

run "one_million_messages_a_day" {
  command = plan

  module {
    source = "./cost"
  }

  variables {
    functions          = yamldecode(file("cost/examples.yaml")).functions
    environment        = yamldecode(file("cost/examples.yaml")).environment
    options            = yamldecode(file("cost/examples.yaml")).options
    messages_per_month = yamldecode(file("cost/examples.yaml")).days.one_million.messages_per_month
  }

  assert {
    condition = jsonencode({ for item, usd in output.usd : item => format("%.2f", usd) }) == jsonencode({
      for item, usd in yamldecode(file("cost/examples.yaml")).days.one_million.usd : item => format("%.2f", usd)
    })
    error_message = "The estimate differs from the example: ${jsonencode(output.usd)}"
  }
}

run "ten_million_messages_a_day" {
  command = plan

  module {
    source = "./cost"
  }

  variables {
    functions          = yamldecode(file("cost/examples.yaml")).functions
    environment        = yamldecode(file("cost/examples.yaml")).environment
    options            = yamldecode(file("cost/examples.yaml")).options
    messages_per_month = yamldecode(file("cost/examples.yaml")).days.ten_million.messages_per_month
  }

  assert {
    condition = jsonencode({ for item, usd in output.usd : item => format("%.2f", usd) }) == jsonencode({
      for item, usd in yamldecode(file("cost/examples.yaml")).days.ten_million.usd : item => format("%.2f", usd)
    })
    error_message = "The estimate differs from the example: ${jsonencode(output.usd)}"
  }
}

run "hundred_million_messages_a_day" {
  command = plan

  module {
    source = "./cost"
  }

  variables {
    functions          = yamldecode(file("cost/examples.yaml")).functions
    environment        = yamldecode(file("cost/examples.yaml")).environment
    options            = yamldecode(file("cost/examples.yaml")).options
    messages_per_month = yamldecode(file("cost/examples.yaml")).days.hundred_million.messages_per_month
  }

  assert {
    condition = jsonencode({ for item, usd in output.usd : item => format("%.2f", usd) }) == jsonencode({
      for item, usd in yamldecode(file("cost/examples.yaml")).days.hundred_million.usd : item => format("%.2f", usd)
    })
    error_message = "The estimate differs from the example: ${jsonencode(output.usd)}"
  }
}

run "outcomes_in_log_lines" {
  command = plan

  module {
    source = "./cost"
  }

  variables {
    functions          = yamldecode(file("cost/examples.yaml")).functions
    environment        = yamldecode(file("cost/examples.yaml")).environment
    options            = { request_log_share = yamldecode(file("cost/examples.yaml")).choices.request_log_share, outcomes = "log_lines" }
    messages_per_month = yamldecode(file("cost/examples.yaml")).days.hundred_million.messages_per_month
  }

  assert {
    condition = (
      format("%.2f", output.usd.outcomes) == format("%.2f", yamldecode(file("cost/examples.yaml")).choices.outcomes.log_lines)
      && format("%.2f", output.usd.request_log) == format("%.2f", yamldecode(file("cost/examples.yaml")).choices.request_log)
    )
    error_message = "The estimate differs from the example: ${jsonencode(output.usd)}"
  }
}

run "outcomes_in_bigquery_subscription" {
  command = plan

  module {
    source = "./cost"
  }

  variables {
    functions          = yamldecode(file("cost/examples.yaml")).functions
    environment        = yamldecode(file("cost/examples.yaml")).environment
    options            = { request_log_share = yamldecode(file("cost/examples.yaml")).choices.request_log_share, outcomes = "bigquery_subscription" }
    messages_per_month = yamldecode(file("cost/examples.yaml")).days.hundred_million.messages_per_month
  }

  assert {
    condition = (
      format("%.2f", output.usd.outcomes) == format("%.2f", yamldecode(file("cost/examples.yaml")).choices.outcomes.bigquery_subscription)
      && format("%.2f", output.usd.request_log) == format("%.2f", yamldecode(file("cost/examples.yaml")).choices.request_log)
    )
    error_message = "The estimate differs from the example: ${jsonencode(output.usd)}"
  }
}

run "outcomes_in_warehouse_function" {
  command = plan

  module {
    source = "./cost"
  }

  variables {
    functions          = yamldecode(file("cost/examples.yaml")).functions
    environment        = yamldecode(file("cost/examples.yaml")).environment
    options            = { request_log_share = yamldecode(file("cost/examples.yaml")).choices.request_log_share, outcomes = "warehouse_function" }
    messages_per_month = yamldecode(file("cost/examples.yaml")).days.hundred_million.messages_per_month
  }

  assert {
    condition = (
      format("%.2f", output.usd.outcomes) == format("%.2f", yamldecode(file("cost/examples.yaml")).choices.outcomes.warehouse_function)
      && format("%.2f", output.usd.request_log) == format("%.2f", yamldecode(file("cost/examples.yaml")).choices.request_log)
    )
    error_message = "The estimate differs from the example: ${jsonencode(output.usd)}"
  }
}

run "outcomes_in_log_sink" {
  command = plan

  module {
    source = "./cost"
  }

  variables {
    functions          = yamldecode(file("cost/examples.yaml")).functions
    environment        = yamldecode(file("cost/examples.yaml")).environment
    options            = { request_log_share = yamldecode(file("cost/examples.yaml")).choices.request_log_share, outcomes = "log_sink" }
    messages_per_month = yamldecode(file("cost/examples.yaml")).days.hundred_million.messages_per_month
  }

  assert {
    condition = (
      format("%.2f", output.usd.outcomes) == format("%.2f", yamldecode(file("cost/examples.yaml")).choices.outcomes.log_sink)
      && format("%.2f", output.usd.request_log) == format("%.2f", yamldecode(file("cost/examples.yaml")).choices.request_log)
    )
    error_message = "The estimate differs from the example: ${jsonencode(output.usd)}"
  }
}

run "two_million_of_each" {
  command = plan

  variables {
    messages_per_month = { identify = 2000000, transactional = 2000000, webhook = 2000000 }
    min_instances      = { webhook = 1 }
    request_log_share  = 0
    ledger_backup_days = 0
    probe              = { enabled = true }
  }

  assert {
    condition = (
      output.monthly_cost_usd.pubsub == 1.02             # 4e6 x 3 x 1,500 B + 2e6 x 2 x 2,500 B at 40 $ a TiB: lanes and warehouse are counted
      && output.monthly_cost_usd.requests == 3.2         # 8e6, the warehouse's too
      && output.monthly_cost_usd.egress == 0.67          # 4e6 x 1,500 B at 0.12 $ a GiB: what goes to Customer.io
      && output.monthly_cost_usd.ledger == 8.54          # 2e6 sends: 40 x 0.18 + 1 x 0.06 + 20 x 0.02 + 4.89 GiB x 0.18 $
      && output.monthly_cost_usd.retained == 0.35        # 4e6 x 1,500 B = 5.59 GiB x 7 of 30 days at 0.27 $
      && output.monthly_cost_usd.inserts == 0.23         # 2e6 x 2,500 B at 0.05 $ a GiB
      && output.monthly_cost_usd.warm_instances == 19.44 # 2,592,000 s x (1 + 2) x 0.0000025 $
      && output.monthly_cost_usd.request_log == 0
      && output.monthly_cost_usd.ledger_recovery == 0
      && output.monthly_cost_usd.probe == 6.95 # 8,640 rounds x 20 s, 4 queries of 10 MiB in each, and 2e6 x 2,500 B x 11.1
    )
    error_message = "cost.tf tells the model something else than what is in use: ${jsonencode(output.monthly_cost_usd)}"
  }

  assert {
    condition     = abs(output.monthly_cost_usd.total - sum([for item, usd in output.monthly_cost_usd : usd if item != "total"])) < 0.1
    error_message = "The total is not the sum of its items."
  }

  assert {
    # 0.77 a second on average; 0.3 of 0.8 x 1,000 requests with 100 operations, but 3 x 400 in flight at 0.25 s come first.
    condition = output.headroom.identify == {
      mean_a_second  = 0.77
      most_a_second  = 4800
      times_the_mean = 6220
      most_in_flight = 1200
    }
    error_message = "The headroom differs from the example: ${jsonencode(output.headroom.identify)}"
  }
}
