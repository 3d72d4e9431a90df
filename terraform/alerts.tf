# Each alert stands for something a person has to do, and its runbook in runbooks/<key>.md says what.

locals {
  function_metric = "resource.type=\"cloud_run_revision\" AND metric.type=\"%s\""
  pubsub_metric   = "resource.type=\"pubsub_subscription\" AND metric.type=\"pubsub.googleapis.com/subscription/%s\""

  source_subscriptions = "resource.labels.subscription_id=one_of(${join(", ", [
    for name in keys(local.push_subscriptions) : "\"${name}\""
  ])})"

  # filter, how to align its points, what to keep apart, and the value above which it fires after `minutes`.
  alerts = {
    dead-letters = {
      title    = "dead letters are arriving"
      severity = "WARNING"
      text     = "Messages were dead-lettered and wait for 31 days. The reason says whose turn it is: `contract`, `not_json`, `refused` and `content_changed` are the publisher's, `exhausted`, `uncertain` and `forwarded` are yours."
      conditions = {
        "a function dead-lettered messages" = {
          filter   = format(local.function_metric, local.metric_types.dead_letters)
          aligner  = "ALIGN_DELTA"
          group_by = ["metric.label.function", "metric.label.reason"]
        }
        "Pub/Sub forwarded messages that a function could not handle" = {
          filter   = "${format(local.pubsub_metric, "dead_letter_message_count")} AND ${local.source_subscriptions}"
          aligner  = "ALIGN_DELTA"
          group_by = ["resource.label.subscription_id"]
        }
      }
    }
    backlog = {
      title    = "messages wait too long"
      severity = "ERROR"
      text     = "The oldest message of a subscription is older than ${var.alert_thresholds.oldest_unacked_seconds} s. Nothing is lost before its retention of 7 days ends, but Customer.io falls behind."
      conditions = {
        "oldest unacknowledged message" = {
          filter    = "${format(local.pubsub_metric, "oldest_unacked_message_age")} AND ${local.source_subscriptions}"
          aligner   = "ALIGN_MAX"
          reducer   = "REDUCE_MAX"
          group_by  = ["resource.label.subscription_id"]
          threshold = var.alert_thresholds.oldest_unacked_seconds
        }
      }
    }
    non-ack-ratio = {
      title    = "many pushes are not acknowledged"
      severity = "WARNING"
      text     = "More than ${var.alert_thresholds.non_ack_ratio * 100} % of pushes to a function end in something other than an acknowledgement: it answers 503, is too slow, or cannot be reached."
      conditions = {
        "share of pushes not acknowledged" = {
          filter      = "${format(local.pubsub_metric, "push_request_count")} AND ${local.source_subscriptions} AND metric.labels.response_class!=\"ack\""
          denominator = "${format(local.pubsub_metric, "push_request_count")} AND ${local.source_subscriptions}"
          aligner     = "ALIGN_DELTA"
          group_by    = ["resource.label.subscription_id"]
          threshold   = var.alert_thresholds.non_ack_ratio
          minutes     = 10
        }
      }
    }
    webhook = {
      title    = "webhooks are not accepted"
      severity = "CRITICAL"
      text     = "While a webhook is not accepted, Customer.io holds back all later ones. After a 401 it retries after an hour. After 7 days it stops retrying."
      conditions = {
        "webhook answers 5xx, or finds no instance" = {
          filter    = "${format(local.function_metric, "run.googleapis.com/request_count")} AND ${local.public_services} AND ${local.not_served}"
          aligner   = "ALIGN_DELTA"
          group_by  = ["resource.label.service_name"]
          threshold = var.alert_thresholds.webhook_5xx_count
        }
        # One an hour, when it is Customer.io's. What carries no signature at all is some scanner and not counted.
        "webhook refuses signatures" = {
          filter    = "${format(local.function_metric, local.metric_types.webhook_answers)} AND metric.labels.answer=\"401\" AND metric.labels.reason=one_of(\"wrong_signature\", \"too_old\")"
          aligner   = "ALIGN_DELTA"
          group_by  = ["metric.label.reason"]
          threshold = var.alert_thresholds.webhook_401_count
        }
      }
    }
    quarantine = {
      title    = "webhooks are not understood"
      severity = "WARNING"
      text     = "Webhooks of Customer.io were put into the quarantine, because some or all of them could not be understood. With `preferences_not_understood`, `no_person`, `no_timestamp` or `timestamp_out_of_range`, that may be somebody's opt-out. Nothing is lost; it waits for you."
      conditions = {
        "a webhook went into the quarantine" = {
          filter   = format(local.function_metric, local.metric_types.quarantined)
          aligner  = "ALIGN_DELTA"
          group_by = ["metric.label.reason"]
        }
      }
    }
    credentials = {
      title    = "credentials are refused or unset"
      severity = "CRITICAL"
      text     = "A secret still holds `unset`, cannot be read, or is refused by Customer.io. Messages wait and are retried; nothing is lost before their retention of 7 days ends."
      conditions = {
        # A 401 is logged so only when reading the secrets again did not help, and an unset secret always.
        "our configuration is refused" = {
          filter   = format(local.function_metric, local.metric_types.configuration_refused)
          aligner  = "ALIGN_DELTA"
          group_by = ["metric.label.function", "metric.label.http_status"]
        }
        # One read that fails is harmless: the function goes on with the value it has.
        "a secret stays unreadable" = {
          filter   = "${format(local.function_metric, local.metric_types.secret_problems)} AND metric.labels.event=\"secret_read_failed\""
          aligner  = "ALIGN_DELTA"
          group_by = ["metric.label.function", "metric.label.secret"]
          minutes  = 10
        }
        "the webhook has no signing keys" = {
          filter   = "${format(local.function_metric, local.metric_types.webhook_answers)} AND metric.labels.reason=\"not_configured\""
          aligner  = "ALIGN_DELTA"
          group_by = ["metric.label.reason"]
        }
      }
    }
    function-errors = {
      title    = "a function logs errors"
      severity = "ERROR"
      text     = "A function wrote more than ${var.alert_thresholds.error_log_count} lines of severity ERROR in five minutes: a defect, a failed start, or a configuration that is refused."
      conditions = {
        "error lines" = {
          filter    = "${format(local.function_metric, "logging.googleapis.com/log_entry_count")} AND ${local.pipeline_services} AND metric.labels.severity=one_of(\"ERROR\", \"CRITICAL\", \"ALERT\", \"EMERGENCY\")"
          aligner   = "ALIGN_DELTA"
          group_by  = ["resource.label.service_name"]
          threshold = var.alert_thresholds.error_log_count
        }
      }
    }
    secret-rotation = {
      title    = "a secret is due for rotation"
      severity = "WARNING"
      text     = "A secret is ${var.pipeline.secret_rotation.period_days} days old. Rotating it needs no deployment and no pause. This stays open until the reminder is acknowledged."
      conditions = {
        "a reminder waits" = {
          filter   = "${format(local.pubsub_metric, "num_undelivered_messages")} AND ${local.reminder_subscriptions}"
          aligner  = "ALIGN_MAX"
          reducer  = "REDUCE_MAX"
          group_by = ["resource.label.subscription_id"]
        }
      }
    }
  }

  # The subscriptions let only SECRET_ROTATE through: Secret Manager publishes every change of a secret to the topic.
  reminder_subscriptions = "resource.labels.subscription_id=one_of(${join(", ", [
    for name, s in var.pipeline.subscriptions : "\"${name}\"" if s.topic == var.pipeline.secret_rotation.topic
  ])})"

  not_served = "metric.labels.response_code=monitoring.regex.full_match(\"429|5..\")"

  pipeline_services = "resource.labels.service_name=one_of(${join(", ", [for name in keys(var.pipeline.functions) : "\"${name}\""])})"
  public_services   = "resource.labels.service_name=one_of(${join(", ", [for name in keys(local.public_functions) : "\"${name}\""])})"

  notification_channels = concat(
    values(google_monitoring_notification_channel.channel)[*].name, var.existing_notification_channels
  )
}

resource "google_monitoring_notification_channel" "channel" {
  for_each = var.notification_channels

  project      = var.project_id
  display_name = each.key
  type         = each.value.type
  labels       = each.value.labels
  user_labels  = local.labels

  depends_on = [google_project_service.api]
}

resource "google_monitoring_alert_policy" "alert" {
  for_each = local.alerts

  project               = var.project_id
  display_name          = "Customer.io ${var.environment}: ${each.value.title}"
  severity              = each.value.severity
  combiner              = "OR"
  notification_channels = local.notification_channels
  user_labels           = local.labels

  dynamic "conditions" {
    for_each = each.value.conditions
    content {
      display_name = conditions.key

      condition_threshold {
        filter             = conditions.value.filter
        denominator_filter = try(conditions.value.denominator, null)
        comparison         = "COMPARISON_GT"
        threshold_value    = try(conditions.value.threshold, 0)
        duration           = "${try(conditions.value.minutes, 1) * 60}s"

        # Counts have no points while nothing happens. Without this an alert would stay open, and be silent when the
        # same happens again.
        evaluation_missing_data = "EVALUATION_MISSING_DATA_INACTIVE"

        aggregations {
          alignment_period     = "300s"
          per_series_aligner   = conditions.value.aligner
          cross_series_reducer = try(conditions.value.reducer, "REDUCE_SUM")
          group_by_fields      = conditions.value.group_by
        }

        dynamic "denominator_aggregations" {
          for_each = can(conditions.value.denominator) ? [1] : []
          content {
            alignment_period     = "300s"
            per_series_aligner   = conditions.value.aligner
            cross_series_reducer = try(conditions.value.reducer, "REDUCE_SUM")
            group_by_fields      = conditions.value.group_by
          }
        }
      }
    }
  }

  alert_strategy {
    auto_close = "1800s"
  }

  documentation {
    subject   = "[${var.environment}] Customer.io: ${each.value.title}"
    mime_type = "text/markdown"
    content   = "${each.value.text}\n\nRunbook: ${var.runbook_url}/${each.key}.md"

    links {
      display_name = "Runbook"
      url          = "${var.runbook_url}/${each.key}.md"
    }
  }

  depends_on = [time_sleep.metrics]
}
