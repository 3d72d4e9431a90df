# The estimate against an example worked out by hand from cost/prices.yaml.

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
  customerio_requests_per_second = 1000
  runbook_url                    = "https://example.com/runbooks"
}

run "two_million_identify_messages" {
  command = plan

  variables {
    messages_per_month = { identify = 2000000 }
  }

  assert {
    condition = output.monthly_cost_usd == {
      pubsub         = 0.33  # 2e6 x 1,500 B, published, delivered, and left out by the other lane: 9e9 B at 40 $ a TiB
      functions_busy = 14.05 # 2e6 x 0.25 s x (0.000024 + 0.0000025) $ + 2 x 0.40 $
      functions_warm = 0
      firestore      = 0
      bigquery       = 0
      logging        = 0.65 # 2e6 x 700 B at 0.50 $ a GiB
      secrets        = 0.38 # 5 x 0.06 $ + 500,000 s / 60 x 3 secrets at 0.03 $ for 10,000
      total          = 15.4
    }
    error_message = "The estimate differs from the example: ${jsonencode(output.monthly_cost_usd)}"
  }

  assert {
    # 0.77 a second on average; 0.3 of 1,000 requests with 100 operations, but 3 x 400 in flight at 0.25 s come first.
    condition = output.headroom.identify == {
      mean_a_second  = 0.77
      most_a_second  = 4800
      times_the_mean = 6220
      most_in_flight = 1200
    }
    error_message = "The headroom differs from the example: ${jsonencode(output.headroom.identify)}"
  }
}

run "a_million_webhooks_and_sends_and_a_warm_instance" {
  command = plan

  variables {
    messages_per_month = { webhook = 1000000, transactional = 1000000 }
    min_instances      = { webhook = 1 }
  }

  assert {
    condition = {
      for item in ["pubsub", "functions_warm", "firestore", "bigquery"] : item => output.monthly_cost_usd[item]
      } == {
      pubsub         = 0.35  # sends: 3 x 1.5e9 B; webhooks: 2.5e9 B in, 2.5e9 B out; at 40 $ a TiB
      functions_warm = 19.44 # 2,592,000 s x (1 + 2) x 0.0000025 $
      firestore      = 3.83  # 10 x (2 x 0.18 + 0.05 x 0.06 + 0.02) $
      bigquery       = 0.68  # 2.33 GiB x (0.05 + 12 x 0.02) $
    }
    error_message = "The estimate differs from the example: ${jsonencode(output.monthly_cost_usd)}"
  }
}
