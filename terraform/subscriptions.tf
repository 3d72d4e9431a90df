resource "google_pubsub_subscription" "subscription" {
  for_each = local.subscriptions

  project                    = var.project_id
  name                       = local.names.subscriptions[each.key]
  topic                      = google_pubsub_topic.topic[each.value.topic].id
  labels                     = local.labels
  filter                     = each.value.filter
  enable_message_ordering    = each.value.ordered
  ack_deadline_seconds       = each.value.ack_deadline_seconds
  message_retention_duration = "${each.value.retention_seconds}s"

  # Never: without this a subscription is deleted, with its messages, after 31 days without a reader.
  expiration_policy {
    ttl = ""
  }

  dynamic "push_config" {
    for_each = each.value.push == null ? [] : [each.value.push]
    content {
      push_endpoint = google_cloudfunctions2_function.function[push_config.value].service_config[0].uri

      oidc_token {
        service_account_email = google_service_account.push[each.key].email
        audience              = google_cloudfunctions2_function.function[push_config.value].service_config[0].uri
      }
    }
  }

  # The Storage Write API, by the table's own columns. What a message has besides is left out.
  dynamic "bigquery_config" {
    for_each = each.value.bigquery == null ? [] : [each.value.bigquery]
    content {
      table               = "${var.project_id}.${google_bigquery_dataset.warehouse.dataset_id}.${google_bigquery_table.table[bigquery_config.value].table_id}"
      use_table_schema    = true
      drop_unknown_fields = true
    }
  }

  dynamic "message_transforms" {
    for_each = each.value.transform == null ? [] : [each.value.transform]
    content {
      javascript_udf {
        function_name = message_transforms.value.function
        code          = file(local.files[message_transforms.value.file])
      }
    }
  }

  dynamic "dead_letter_policy" {
    for_each = each.value.dead_letter_topic == null ? [] : [each.value.dead_letter_topic]
    content {
      dead_letter_topic     = google_pubsub_topic.topic[dead_letter_policy.value].id
      max_delivery_attempts = each.value.max_delivery_attempts
    }
  }

  dynamic "retry_policy" {
    for_each = each.value.minimum_backoff_seconds == null ? [] : [each.value]
    content {
      minimum_backoff = "${retry_policy.value.minimum_backoff_seconds}s"
      maximum_backoff = "${retry_policy.value.maximum_backoff_seconds}s"
    }
  }

  # `cio-gcp pause` took the push address away and left these labels. To put it back would resume what somebody has stopped.
  lifecycle {
    postcondition {
      condition = !contains(keys(self.effective_labels), "paused-since")
      error_message = join("", [
        "${self.name} was paused by ${replace(replace(join("", [for name, part in self.effective_labels : part if startswith(name, "paused-by-")]), "_40", "@"), "_2e", ".")}",
        " since ${timeadd("1970-01-01T00:00:00Z", "${try(self.effective_labels["paused-since"], 0)}s")}: an apply would resume it.",
        " Resume it first: cio-gcp resume ${each.key}. To deploy a function meanwhile: terraform apply -target='module.pipeline.google_cloudfunctions2_function.function'.",
      ])
    }
  }

  depends_on = [time_sleep.table_writer]
}

# Pub/Sub refuses a subscription to whose table it cannot write, and a permission takes a moment to be known.
resource "time_sleep" "table_writer" {
  create_duration = local.settling.permissions
  triggers        = { tables = join(",", values(google_bigquery_table_iam_member.pubsub)[*].id) }
}

# The other half of Pub/Sub's own dead-lettering: it acknowledges at the source what it has forwarded.
resource "google_pubsub_subscription_iam_member" "dead_letter_agent" {
  for_each = local.sources

  project      = var.project_id
  subscription = google_pubsub_subscription.subscription[each.key].name
  role         = "roles/pubsub.subscriber"
  member       = local.members["pubsub"]

  # A subscription that is replaced has lost its bindings.
  lifecycle {
    replace_triggered_by = [google_pubsub_subscription.subscription[each.key].id]
  }
}

# Changes when the function of a push is replaced. `replace_triggered_by` can follow each.key only, and that names the push.
resource "terraform_data" "function_of_push" {
  for_each = local.push_subscriptions
  input    = google_cloudfunctions2_function.function[each.value.push].id
}

# The account of a push may call the one function it is for.
resource "google_cloud_run_v2_service_iam_member" "push" {
  for_each = local.push_subscriptions

  project  = var.project_id
  location = google_cloudfunctions2_function.function[each.value.push].location
  name     = google_cloudfunctions2_function.function[each.value.push].name
  role     = "roles/run.invoker"
  member   = local.members["${each.key}-push"]

  # A function that is replaced has lost its bindings.
  lifecycle {
    replace_triggered_by = [terraform_data.function_of_push[each.key].output]
  }
}

# Pub/Sub signs in as the account of a push: on each of these accounts, never on the project.
resource "google_service_account_iam_member" "push_token" {
  for_each = local.push_subscriptions

  service_account_id = google_service_account.push[each.key].name
  role               = "roles/iam.serviceAccountOpenIdTokenCreator"
  member             = local.members["pubsub"]
}
