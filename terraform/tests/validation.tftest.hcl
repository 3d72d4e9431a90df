# Each validation refuses a bad value. A run breaks exactly one thing: were its validation gone, the plan would succeed
# and the run fail.

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

run "good_values_are_accepted" {
  command = plan

  variables {
    bigquery_location                = "EU"
    firestore_location               = "eur3"
    labels                           = { cost-centre = "42" }
    min_instances                    = { webhook = 10 }
    publishers                       = { track = ["serviceAccount:shop@acme.iam.gserviceaccount.com", "principalSet://iam.googleapis.com/pool"] }
    webhook_events_expiration_days   = 30
    message_outcomes_expiration_days = null
    notification_channels = {
      mail = { type = "email", labels = { email_address = "oncall@acme.example" } }
      chat = { type = "google_chat", labels = { space = "spaces/AAA" } }
      hook = { type = "pubsub", labels = { topic = "projects/acme/topics/alerts" } }
    }
    existing_notification_channels = ["projects/acme/notificationChannels/123"]
    messages_per_month             = { identify = 0, webhook = 1000000 }
  }

  assert {
    condition     = length(google_pubsub_topic_iam_member.publisher) == 2
    error_message = "Publishers of a topic did not become permissions."
  }
}

# ---- values of an environment --------------------------------------------------------------------

run "environment_in_capitals" {
  command = plan

  variables {
    environment = "Prod"
  }

  expect_failures = [var.environment]
}

run "webhook_access_that_does_not_exist" {
  command = plan

  variables {
    webhook_access = "load_balancer"
  }

  expect_failures = [var.webhook_access]
}

run "project_by_number" {
  command = plan

  variables {
    project_id = "123456789012"
  }

  expect_failures = [var.project_id]
}

run "region_that_is_a_zone" {
  command = plan

  variables {
    region = "europe-west1-b"
  }

  expect_failures = [var.region]
}

run "bigquery_location_in_lower_case" {
  command = plan

  variables {
    bigquery_location = "eu"
  }

  expect_failures = [var.bigquery_location]
}

run "firestore_location_of_bigquery" {
  command = plan

  variables {
    firestore_location = "EU"
  }

  expect_failures = [var.firestore_location]
}

run "bundles_that_were_not_built" {
  command = plan

  variables {
    bundle_dir = "tests/fixtures/nothing"
  }

  expect_failures = [var.bundle_dir]
}

run "label_in_capitals" {
  command = plan

  variables {
    labels = { Team = "crm" }
  }

  expect_failures = [var.labels]
}

run "unknown_data_centre" {
  command = plan

  variables {
    customerio_region = "asia"
  }

  expect_failures = [var.customerio_region]
}

run "recipients_that_are_not_named" {
  command = plan

  variables {
    recipients = null
  }

  expect_failures = [var.recipients]
}

run "recipients_in_production" {
  command = plan

  variables {
    production = true
  }

  expect_failures = [var.recipients]
}

run "recipients_by_a_pattern_of_addresses" {
  command = plan

  variables {
    recipients = { allow = ["*@acme.example"] }
  }

  expect_failures = [var.recipients]
}

run "messages_to_others_that_are_bounced" {
  command = plan

  variables {
    recipients = { allow = [], otherwise = "bounce" }
  }

  expect_failures = [var.recipients]
}

run "redirect_to_nobody" {
  command = plan

  variables {
    recipients = { allow = [], otherwise = "redirect" }
  }

  expect_failures = [var.recipients]
}

run "no_requests_a_second" {
  command = plan

  variables {
    customerio_requests_per_second = 0
  }

  expect_failures = [var.customerio_requests_per_second]
}

run "log_level_that_blinds_the_metrics" {
  command = plan

  variables {
    log_level = "WARNING"
  }

  expect_failures = [var.log_level]
}

run "warm_instances_of_an_unknown_function" {
  command = plan

  variables {
    min_instances = { webhooks = 1 }
  }

  expect_failures = [var.min_instances]
}

run "more_warm_instances_than_there_may_be" {
  command = plan

  variables {
    min_instances = { webhook = 11 }
  }

  expect_failures = [var.min_instances]
}

run "half_a_warm_instance" {
  command = plan

  variables {
    min_instances = { webhook = 0.5 }
  }

  expect_failures = [var.min_instances]
}

run "publisher_of_a_dead_letter_topic" {
  command = plan

  variables {
    publishers = { identify-dead-letter = ["serviceAccount:shop@acme.iam.gserviceaccount.com"] }
  }

  expect_failures = [var.publishers]
}

run "everyone_as_publisher" {
  command = plan

  variables {
    publishers = { identify = ["allUsers"] }
  }

  expect_failures = [var.publishers]
}

run "deployer_without_a_kind" {
  command = plan

  variables {
    deployers = ["github-apply@acme.iam.gserviceaccount.com"]
  }

  expect_failures = [var.deployers]
}

run "events_that_expire_too_soon" {
  command = plan

  variables {
    webhook_events_expiration_days = 7
  }

  expect_failures = [var.webhook_events_expiration_days]
}

run "record_that_expires_too_soon" {
  command = plan

  variables {
    message_outcomes_expiration_days = 6
  }

  expect_failures = [var.message_outcomes_expiration_days]
}

run "channel_that_needs_a_token" {
  command = plan

  variables {
    notification_channels = { chat = { type = "slack", labels = { channel_name = "#alerts" } } }
  }

  expect_failures = [var.notification_channels]
}

run "email_channel_without_an_address" {
  command = plan

  variables {
    notification_channels = { mail = { type = "email", labels = {} } }
  }

  expect_failures = [var.notification_channels]
}

run "existing_channel_by_name" {
  command = plan

  variables {
    existing_notification_channels = ["on call"]
  }

  expect_failures = [var.existing_notification_channels]
}

run "runbooks_with_a_slash_at_the_end" {
  command = plan

  variables {
    runbook_url = "https://example.com/runbooks/"
  }

  expect_failures = [var.runbook_url]
}

run "ratio_in_percent" {
  command = plan

  variables {
    alert_thresholds = { push_failure_ratio = 20 }
  }

  expect_failures = [var.alert_thresholds]
}

run "threshold_below_zero" {
  command = plan

  variables {
    alert_thresholds = { webhook_5xx_count = -1 }
  }

  expect_failures = [var.alert_thresholds]
}

run "silence_longer_than_customerio_retries" {
  command = plan

  variables {
    webhook_silence_hours = 169
  }

  expect_failures = [var.webhook_silence_hours]
}

run "network_instead_of_an_address" {
  command = plan

  variables {
    customerio_webhook_addresses = ["34.76.143.0/24"]
  }

  expect_failures = [var.customerio_webhook_addresses]
}

run "share_of_request_lines_in_percent" {
  command = plan

  variables {
    request_log_share = 5
  }

  expect_failures = [var.request_log_share]
}

run "share_of_delivered_lines_in_percent" {
  command = plan

  variables {
    delivered_log_share = 5
  }

  expect_failures = [var.delivered_log_share]
}

run "goal_in_percent" {
  command = plan

  variables {
    slo_goals = { delivery = 99.9 }
  }

  expect_failures = [var.slo_goals]
}

run "goal_beyond_what_monitoring_takes" {
  command = plan

  variables {
    slo_goals = { webhook = 0.99999 }
  }

  expect_failures = [var.slo_goals]
}

run "messages_of_an_unknown_function" {
  command = plan

  variables {
    messages_per_month = { emails = 1 }
  }

  expect_failures = [var.messages_per_month]
}

# ---- names in pipeline.yaml that lead nowhere ------------------------------------------------------

run "subscription_of_an_unknown_topic" {
  command = plan

  variables {
    pipeline = yamldecode(replace(file("pipeline.yaml"), "    topic: webhook-events\n", "    topic: events\n"))
  }

  expect_failures = [var.pipeline]
}

run "push_to_an_unknown_function" {
  command = plan

  variables {
    pipeline = yamldecode(replace(file("pipeline.yaml"), "    push: warehouse\n", "    push: loader\n"))
  }

  expect_failures = [var.pipeline]
}

run "push_without_a_dead_letter_topic" {
  command = plan

  variables {
    pipeline = yamldecode(replace(file("pipeline.yaml"), "    dead_letter_topic: track-dead-letter\n", ""))
  }

  expect_failures = [var.pipeline]
}

run "push_without_a_number_of_attempts" {
  command = plan

  variables {
    pipeline = yamldecode(replace(file("pipeline.yaml"), "dead_letter_topic: track-dead-letter\n    max_delivery_attempts: 100", "dead_letter_topic: track-dead-letter"))
  }

  expect_failures = [var.pipeline]
}

run "dead_letter_topic_that_nobody_reads" {
  command = plan

  variables {
    pipeline = yamldecode(replace(file("pipeline.yaml"), "dead_letter_topic: track-dead-letter", "dead_letter_topic: webhook-events"))
  }

  expect_failures = [var.pipeline]
}

run "dead_letters_that_two_subscriptions_get" {
  command = plan

  variables {
    pipeline = yamldecode(replace(file("pipeline.yaml"), "    topic: track-dead-letter\n    filter: NOT (attributes.reason = \"guarded\" OR attributes.reason = \"expired\" OR attributes.reason = \"cancelled\")\n", "    topic: track-dead-letter\n"))
  }

  expect_failures = [var.pipeline]
}

run "dead_letters_that_no_subscription_gets" {
  command = plan

  variables {
    pipeline = yamldecode(replace(file("pipeline.yaml"), "    topic: track-dead-letter\n    filter: attributes.reason = \"guarded\" OR attributes", "    topic: track-dead-letter\n    filter: attributes.reason = \"held\" OR attributes"))
  }

  expect_failures = [var.pipeline]
}

run "two_subscriptions_for_one_function_that_differ" {
  command = plan

  variables {
    pipeline = yamldecode(replace(file("pipeline.yaml"), "    ordered: true\n", ""))
  }

  expect_failures = [var.pipeline]
}

run "dead_letter_topic_of_two_topics" {
  command = plan

  variables {
    pipeline = yamldecode(replace(file("pipeline.yaml"), "dead_letter_topic: track-dead-letter", "dead_letter_topic: identify-dead-letter"))
  }

  expect_failures = [var.pipeline]
}

run "two_subscriptions_that_deliver_everything_twice" {
  command = plan

  variables {
    pipeline = yamldecode(replace(replace(file("pipeline.yaml"),
      "    push: track\n    filter: NOT attributes.lane = \"bulk\"\n", "    push: track\n"),
      "    push: track\n    filter: attributes.lane = \"bulk\"\n", "    push: track\n"
    ))
  }

  expect_failures = [var.pipeline]
}

run "lane_that_nobody_gets" {
  command = plan

  variables {
    pipeline = merge(yamldecode(file("pipeline.yaml")), {
      subscriptions = { for name, s in yamldecode(file("pipeline.yaml")).subscriptions : name => s if name != "track-bulk" }
    })
  }

  expect_failures = [var.pipeline]
}

run "function_with_an_unknown_secret" {
  command = plan

  variables {
    pipeline = yamldecode(replace(file("pipeline.yaml"), "secrets: [CUSTOMERIO_APP_API_KEY,", "secrets: [CUSTOMERIO_APP_KEY,"))
  }

  expect_failures = [var.pipeline]
}

run "floods_moved_to_no_lane" {
  command = plan

  variables {
    pipeline = yamldecode(replace(file("pipeline.yaml"), "    warehouse: true\n", "    warehouse: true\n    moves_floods: true\n"))
  }

  expect_failures = [var.pipeline]
}

run "two_probes" {
  command = plan

  variables {
    pipeline = yamldecode(replace(file("pipeline.yaml"), "    publishes: webhook-events\n", "    publishes: webhook-events\n    probes: [identify]\n"))
  }

  expect_failures = [var.pipeline]
}

run "probe_of_a_webhook_without_https" {
  command = plan

  variables {
    probe = { enabled = true, webhook_url = "http://webhooks.acme.example" }
  }

  expect_failures = [var.probe]
}

run "function_that_publishes_to_an_unknown_topic" {
  command = plan

  variables {
    pipeline = yamldecode(replace(file("pipeline.yaml"), "publishes: webhook-events", "publishes: webhooks"))
  }

  expect_failures = [var.pipeline]
}

run "rotation_to_an_unknown_topic" {
  command = plan

  variables {
    pipeline = yamldecode(replace(file("pipeline.yaml"), "secret_rotation:\n  topic: secret-rotation", "secret_rotation:\n  topic: rotation"))
  }

  expect_failures = [var.pipeline]
}

run "table_without_its_schema_file" {
  command = plan

  variables {
    pipeline = yamldecode(replace(file("pipeline.yaml"), "tables/webhook_events.json", "tables/events.json"))
  }

  expect_failures = [var.pipeline]
}

run "view_without_its_query_file" {
  command = plan

  variables {
    pipeline = yamldecode(replace(file("pipeline.yaml"), "views/email_events.sql", "views/emails.sql"))
  }

  expect_failures = [var.pipeline]
}

run "table_function_without_its_query_file" {
  command = plan

  variables {
    pipeline = yamldecode(replace(file("pipeline.yaml"), "table-functions/person_timeline.sql", "table-functions/person.sql"))
  }

  expect_failures = [var.pipeline]
}

run "table_function_of_no_view" {
  command = plan

  variables {
    pipeline = yamldecode(replace(file("pipeline.yaml"), "view: delivery_timeline", "view: deliveries"))
  }

  expect_failures = [var.pipeline]
}

run "warehouse_without_a_writer" {
  command = plan

  variables {
    pipeline = yamldecode(replace(file("pipeline.yaml"), "    warehouse: true\n", ""))
  }

  expect_failures = [var.pipeline]
}

run "second_public_function" {
  command = plan

  variables {
    pipeline = yamldecode(replace(replace(file("pipeline.yaml"), "ingress: internal\n    warehouse: true", "ingress: all\n    concurrency: 1\n    warehouse: true"), "concurrency: 400\n    min_instances: 0\n    max_instances: 3\n    timeout_seconds: 60\n    ingress: all", "min_instances: 0\n    max_instances: 3\n    timeout_seconds: 60\n    ingress: all"))
  }

  expect_failures = [var.pipeline]
}

# ---- limits of the platform ------------------------------------------------------------------------

run "ack_deadline_beyond_ten_minutes" {
  command = plan

  variables {
    pipeline = yamldecode(replace(file("pipeline.yaml"), "ack_deadline_seconds: 60", "ack_deadline_seconds: 601"))
  }

  expect_failures = [var.pipeline]
}

run "retention_beyond_31_days" {
  command = plan

  variables {
    pipeline = yamldecode(replace(replace(file("pipeline.yaml"), "retention_seconds: 604800", "retention_seconds: 2678401"), "ttl_days: 52", "ttl_days: 99"))
  }

  expect_failures = [var.pipeline]
}

run "too_many_attempts" {
  command = plan

  variables {
    pipeline = yamldecode(replace(file("pipeline.yaml"), "max_delivery_attempts: 100", "max_delivery_attempts: 101"))
  }

  expect_failures = [var.pipeline]
}

run "too_few_attempts" {
  command = plan

  variables {
    pipeline = yamldecode(replace(file("pipeline.yaml"), "max_delivery_attempts: 100", "max_delivery_attempts: 4"))
  }

  expect_failures = [var.pipeline]
}

run "memory_without_a_unit_of_two" {
  command = plan

  variables {
    pipeline = yamldecode(replace(file("pipeline.yaml"), "memory: 1Gi", "memory: 1G"))
  }

  expect_failures = [var.pipeline]
}

run "unknown_ingress" {
  command = plan

  variables {
    pipeline = yamldecode(replace(file("pipeline.yaml"), "ingress: internal", "ingress: private"))
  }

  expect_failures = [var.pipeline]
}

run "function_name_too_long_for_an_account" {
  command = plan

  variables {
    pipeline = yamldecode(replace(replace(file("pipeline.yaml"), "push: transactional\n", "push: transactional-messages\n"), "  transactional:\n    entry_point", "  transactional-messages:\n    entry_point"))
  }

  expect_failures = [var.pipeline]
}

run "subscription_name_too_long_for_an_account" {
  command = plan

  variables {
    pipeline = yamldecode(replace(file("pipeline.yaml"), "subscriptions:\n  identify:", "subscriptions:\n  identify-people-and-objects:"))
  }

  expect_failures = [var.pipeline]
}

# ---- relations that would break a deployment --------------------------------------------------------

run "function_that_works_longer_than_the_ack_deadline" {
  command = plan

  variables {
    pipeline = yamldecode(replace(file("pipeline.yaml"), "timeout_seconds: 60", "timeout_seconds: 61"))
  }

  expect_failures = [var.pipeline]
}

run "concurrency_without_a_whole_cpu" {
  command = plan

  variables {
    pipeline = yamldecode(replace(file("pipeline.yaml"), "cpu: \"1\"", "cpu: \"0.5\""))
  }

  expect_failures = [var.pipeline]
}

run "memory_that_does_not_hold_two_of_the_largest_pushes" {
  command = plan

  variables {
    pipeline = yamldecode(replace(file("pipeline.yaml"), "memory: 1Gi", "memory: 526Mi"))
  }

  expect_failures = [var.pipeline]
}

run "memory_that_just_holds_two_of_the_largest_pushes" {
  command = plan

  variables {
    pipeline = yamldecode(replace(
      file("pipeline.yaml"), "memory: 1Gi", "memory: 527Mi\n    environment: { NODE_OPTIONS: --enable-source-maps, LOG_LEVEL: none }"
    ))
  }

  assert {
    condition = (
      google_cloudfunctions2_function.function["track"].service_config[0].environment_variables.NODE_OPTIONS
      == "--max-old-space-size=463 --max-semi-space-size=32 --enable-source-maps"
      && google_cloudfunctions2_function.function["track"].service_config[0].environment_variables.LOG_LEVEL == "INFO"
    )
    error_message = "A function's own NODE_OPTIONS are not added to the size of its heap, or another variable takes the place of one that the module sets."
  }
}

run "memory_that_does_not_hold_two_of_the_largest_webhooks" {
  command = plan

  variables {
    pipeline = yamldecode(replace(file("pipeline.yaml"), "memory: 2Gi", "memory: 655Mi"))
  }

  expect_failures = [var.pipeline]
}

run "more_instances_at_least_than_at_most" {
  command = plan

  variables {
    pipeline = yamldecode(replace(file("pipeline.yaml"), "min_instances: 0\n    max_instances: 10", "min_instances: 11\n    max_instances: 10"))
  }

  expect_failures = [var.pipeline]
}

run "shares_beyond_the_account_limit" {
  command = plan

  variables {
    pipeline = yamldecode(replace(file("pipeline.yaml"), "rate_share: 0.4", "rate_share: 0.5"))
  }

  expect_failures = [var.pipeline]
}

run "push_that_is_held_beyond_the_ack_deadline" {
  command = plan

  variables {
    pipeline = yamldecode(replace(file("pipeline.yaml"), "longest_push_seconds: 60", "longest_push_seconds: 61"))
  }

  expect_failures = [var.pipeline]
}

run "push_that_is_held_nobody_knows_how_long" {
  command = plan

  variables {
    pipeline = yamldecode(replace(file("pipeline.yaml"), "    longest_push_seconds: 46\n", ""))
  }

  expect_failures = [var.pipeline]
}

run "broadcast_shares_beyond_the_account_limit" {
  command = plan

  variables {
    pipeline = yamldecode(replace(file("pipeline.yaml"), "broadcast_share: 1", "broadcast_share: 1.1"))
  }

  expect_failures = [var.pipeline]
}

run "look_ups_beyond_what_operators_leave" {
  command = plan

  variables {
    pipeline = yamldecode(replace(file("pipeline.yaml"), "look_up_share: 0.6", "look_up_share: 0.7"))
  }

  expect_failures = [var.pipeline]
}

run "share_of_nothing" {
  command = plan

  variables {
    pipeline = yamldecode(replace(file("pipeline.yaml"), "look_up_share: 0.6", "look_up_share: 0"))
  }

  expect_failures = [var.pipeline]
}

run "sends_without_a_share_of_broadcasts" {
  command = plan

  variables {
    pipeline = yamldecode(replace(file("pipeline.yaml"), "    broadcast_share: 1\n", ""))
  }

  expect_failures = [var.pipeline]
}

run "headroom_beyond_the_limit" {
  command = plan

  variables {
    pipeline = yamldecode(replace(file("pipeline.yaml"), "headroom: 0.8", "headroom: 1.1"))
  }

  expect_failures = [var.pipeline]
}

run "no_broadcasts_per_second" {
  command = plan

  variables {
    pipeline = yamldecode(replace(file("pipeline.yaml"), "broadcasts_per_second: 0.1", "broadcasts_per_second: 0"))
  }

  expect_failures = [var.pipeline]
}

run "ledger_that_forgets_before_a_replay" {
  command = plan

  variables {
    pipeline = yamldecode(replace(file("pipeline.yaml"), "ttl_days: 52", "ttl_days: 45")) # 7 + 7 + 31
  }

  expect_failures = [var.pipeline]
}

run "topic_that_keeps_messages_for_longer_than_pubsub_can" {
  command = plan

  variables {
    pipeline = yamldecode(replace(replace(file("pipeline.yaml"), "retention_days: 7", "retention_days: 32"), "ttl_days: 52", "ttl_days: 99"))
  }

  expect_failures = [var.pipeline]
}

# ---- access, backups, budget ---------------------------------------------------------------------

run "everybody_as_a_reader" {
  command = plan

  variables {
    readers = ["allAuthenticatedUsers"]
  }

  expect_failures = [var.readers]
}

run "a_domain_as_an_operator" {
  command = plan

  variables {
    operators = ["domain:acme.example"]
  }

  expect_failures = [var.operators]
}

run "an_operator_who_is_a_reader_too" {
  command = plan

  variables {
    operators = ["user:ada@acme.example"]
    readers   = ["user:ada@acme.example"]
  }

  expect_failures = [var.operators]
}

run "a_backup_for_longer_than_firestore_keeps_one" {
  command = plan

  variables {
    ledger_backup_days = 99
  }

  expect_failures = [var.ledger_backup_days]
}

run "a_budget_of_no_billing_account" {
  command = plan

  variables {
    budget = { billing_account = "acme", amount_per_month = 500 }
  }

  expect_failures = [var.budget]
}

run "a_budget_of_nothing" {
  command = plan

  variables {
    budget = { billing_account = "012345-6789AB-CDEF01", amount_per_month = 0 }
  }

  expect_failures = [var.budget]
}

run "a_budget" {
  command = plan

  variables {
    budget = { billing_account = "012345-6789AB-CDEF01", amount_per_month = 500, currency = "EUR" }
    notification_channels = {
      mail = { type = "email", labels = { email_address = "oncall@acme.example" } }
      chat = { type = "google_chat", labels = { space = "spaces/a" } }
    }
  }

  assert {
    condition = (
      google_billing_budget.project["budget"].amount[0].specified_amount[0].units == "500"
      && google_billing_budget.project["budget"].amount[0].specified_amount[0].currency_code == "EUR"
      && join(" ", sort(distinct([for rule in google_billing_budget.project["budget"].threshold_rules : tostring(rule.threshold_percent)]))) == "0.5 0.9 1"
      && length(google_billing_budget.project["budget"].all_updates_rule) == 1
      && join(" ", local.budget_channels) == "mail"
    )
    error_message = "The budget is not what was asked for, or notifies a channel that budgets cannot use."
  }
}

# ---- the way back ---------------------------------------------------------------------------------

run "bundle_of_no_function" {
  command = plan

  variables {
    bundles = { no-function = sha256("") }
  }

  expect_failures = [var.bundles]
}

run "every_bundle_from_the_bucket_needs_no_build" {
  command = plan

  variables {
    bundle_dir = "nowhere"
    bundles    = { for name in keys(yamldecode(file("pipeline.yaml")).functions) : name => sha256(name) }
  }

  assert {
    condition = alltrue([
      for name, f in google_cloudfunctions2_function.function : f.build_config[0].source[0].storage_source[0].object == "${name}/${sha256(name)}.zip"
    ]) && length(google_storage_bucket_object.bundle) == 0 && output.bundles["track"] == sha256("track")
    error_message = "A function is not deployed from the bundle that was asked for."
  }
}

run "one_bundle_from_the_bucket_leaves_the_others" {
  command = plan

  variables {
    bundles = { track = sha256("track") }
  }

  assert {
    condition = (
      google_cloudfunctions2_function.function["track"].build_config[0].source[0].storage_source[0].object == "track/${sha256("track")}.zip"
      && google_cloudfunctions2_function.function["identify"].build_config[0].source[0].storage_source[0].object == google_storage_bucket_object.bundle["identify"].name
      && !contains(keys(google_storage_bucket_object.bundle), "track")
    )
    error_message = "One function could not be taken back alone."
  }
}

run "pipeline_dir_without_a_pipeline" {
  command = plan

  variables {
    pipeline_dir = "tests/fixtures"
  }

  expect_failures = [var.pipeline_dir]
}

run "bundle_that_no_folder_holds" {
  command = plan

  variables {
    pipeline = yamldecode(replace(file("pipeline.yaml"), "    entry_point: track\n", "    entry_point: track\n    bundle: bundles/track\n"))
  }

  expect_failures = [var.pipeline]
}

run "name_prefix_without_a_hyphen_at_its_end" {
  command = plan

  variables {
    name_prefix = "uk"
  }

  expect_failures = [var.name_prefix]
}

run "name_prefix_that_no_bucket_has_room_for" {
  command = plan

  variables {
    name_prefix = "a-fifteen-long-"
  }

  expect_failures = [var.name_prefix]
}
