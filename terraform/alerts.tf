# Each alert stands for something a person has to do, and its runbook says what: runbooks/<key>.md, or that of `runbook`.

locals {
  function_metric = "resource.type=\"cloud_run_revision\" AND metric.type=\"%s\""
  pubsub_metric   = "resource.type=\"pubsub_subscription\" AND metric.type=\"pubsub.googleapis.com/subscription/%s\""

  # Every subscription that waits to be delivered, whatever pipeline.yaml calls it, and every one in which dead letters wait.
  source_subscriptions = "resource.labels.subscription_id=one_of(${join(", ", [
    for name in keys(local.sources) : "\"${name}\""
  ])})"
  dead_letter_filter = "resource.labels.subscription_id=one_of(${join(", ", [
    for name in keys(local.dead_letter_subscriptions) : "\"${name}\""
  ])})"
  oldest_dead_letter = {
    filter   = "${format(local.pubsub_metric, "oldest_unacked_message_age")} AND ${local.dead_letter_filter}"
    aligner  = "ALIGN_MAX"
    reducer  = "REDUCE_MAX"
    group_by = ["resource.label.subscription_id"]
  }
  dead_lettered = "metric.labels.outcome=one_of(\"refused\", \"exhausted\")"

  # A condition is one of three:
  # filter   a metric: how to align its points, and over which period (five minutes), what to keep apart, and the value above
  #          which it fires after `minutes`
  # log      a line of Google's in the audit log, whose resources Cloud Monitoring knows no metrics of
  # promql   a query that has a result
  # With `stays`, an incident stays open for a week after the last point: it is news, and needs telling once.
  alerts = merge({
    dead-letters = {
      title    = "dead letters are arriving"
      severity = "WARNING"
      text     = "Messages were dead-lettered and wait for 31 days. The reason says whose turn it is: `contract`, `not_json`, `refused` and `content_changed` are the publisher's, `exhausted`, `uncertain` and `forwarded` are yours."
      conditions = {
        "a function dead-lettered messages" = {
          filter   = "${format(local.function_metric, local.metric_types.final_outcomes)} AND ${local.dead_lettered}"
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
    dead-letters-waiting = {
      title    = "dead letters wait for a week, or there are many"
      severity = "WARNING"
      runbook  = "dead-letters"
      text     = "Dead letters have waited for more than 7 days, or there are more than ${var.alert_thresholds.dead_letter_count}. Pub/Sub deletes each after 31 days."
      conditions = {
        "dead letters waiting" = {
          filter    = "${format(local.pubsub_metric, "num_undelivered_messages")} AND ${local.dead_letter_filter}"
          aligner   = "ALIGN_MAX"
          reducer   = "REDUCE_MAX"
          group_by  = ["resource.label.subscription_id"]
          threshold = var.alert_thresholds.dead_letter_count
        }
        "the oldest is older than 7 days" = merge(local.oldest_dead_letter, { threshold = 7 * 86400 })
      }
    }
    dead-letters-aging = {
      title      = "dead letters have waited for two weeks"
      severity   = "ERROR"
      runbook    = "dead-letters"
      text       = "Dead letters have waited for more than 14 days. Pub/Sub deletes each after 31 days: the first is gone in less than 17."
      conditions = { "the oldest is older than 14 days" = merge(local.oldest_dead_letter, { threshold = 14 * 86400 }) }
    }
    dead-letters-expiring = {
      title      = "dead letters are about to be lost"
      severity   = "CRITICAL"
      runbook    = "dead-letters"
      text       = "**Messages are lost in less than 7 days:** dead letters have waited for more than 24 days, and Pub/Sub deletes each after 31."
      conditions = { "the oldest is older than 24 days" = merge(local.oldest_dead_letter, { threshold = 24 * 86400 }) }
    }
    backlog = {
      title    = "messages wait too long"
      severity = "ERROR"
      text     = "The oldest message of a subscription is older than ${var.alert_thresholds.oldest_unacked_seconds} s. Nothing is lost before its retention of 7 days ends, but Customer.io falls behind. The cause may be an outage of Customer.io: the runbook tells how to see that."
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
    # A 5xx is not among them: a function answers 503 to whatever is to be tried again, in an outage of Customer.io all of it.
    push-failures = {
      title    = "pushes do not reach a function"
      severity = "WARNING"
      text     = "More than ${var.alert_thresholds.push_failure_ratio * 100} % of pushes to a function get no answer of its own: it may not be called, has no free instance, does not start, or takes too long."
      conditions = {
        "share of pushes without an answer of the function" = {
          filter      = "${format(local.pubsub_metric, "push_request_count")} AND ${local.source_subscriptions} AND metric.labels.response_class!=\"ack\" AND metric.labels.response_class!=\"remote_server_5xx\""
          denominator = "${format(local.pubsub_metric, "push_request_count")} AND ${local.source_subscriptions}"
          aligner     = "ALIGN_DELTA"
          group_by    = ["resource.label.subscription_id"]
          threshold   = var.alert_thresholds.push_failure_ratio
          minutes     = 10
        }
      }
    }
    webhook = {
      title    = "webhooks are not accepted"
      severity = "CRITICAL"
      text     = "While a webhook is not accepted, Customer.io holds back all later ones. After most answers it retries after an hour. After 7 days it stops retrying."
      conditions = {
        "nobody may call the webhook: 403" = {
          filter   = "${format(local.function_metric, local.metric_types.webhook_requests)} AND metric.labels.http_status=\"403\""
          aligner  = "ALIGN_DELTA"
          group_by = ["resource.label.service_name"]
        }
        "the webhook answers 5xx, or has no free instance: 429" = {
          filter    = "${format(local.function_metric, local.metric_types.webhook_requests)} AND ${local.not_served}"
          aligner   = "ALIGN_DELTA"
          group_by  = ["resource.label.service_name", "metric.label.http_status"]
          threshold = var.alert_thresholds.webhook_5xx_count
        }
        # One an hour is all that Customer.io sends then. A stranger's 401 is a forgery, and no concern of anybody's.
        "Customer.io itself is refused: a wrong key, if 401" = {
          filter   = "${format(local.function_metric, local.metric_types.webhook_requests_of_customerio)} AND metric.labels.http_status=monitoring.regex.full_match(\"40[0-7]|413\")"
          aligner  = "ALIGN_DELTA"
          group_by = ["metric.label.http_status"]
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
    refused-rows = {
      title    = "BigQuery refuses rows"
      severity = "WARNING"
      text     = "BigQuery refused rows of webhooks, most likely because a column is missing or has another type. They are in the quarantine table or dead-lettered; nothing is lost."
      conditions = {
        "a row was refused" = {
          filter   = format(local.function_metric, local.metric_types.warehouse_row_errors)
          aligner  = "ALIGN_DELTA"
          group_by = ["metric.label.table"]
        }
      }
    }
    new-events = {
      title    = "Customer.io sends a new kind of event"
      severity = "WARNING"
      stays    = true
      text     = "Webhooks have an object type, metric or channel that this version does not know. They are stored, but no view or listener knows what they mean."
      conditions = {
        "a kind of event that is not known" = {
          filter   = "${format(local.function_metric, local.metric_types.webhook_novelties)} AND metric.labels.kind=one_of(\"object_type\", \"metric\", \"channel\")"
          aligner  = "ALIGN_DELTA"
          group_by = ["metric.label.kind"]
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
      title    = "a function logs errors or crashes"
      severity = "ERROR"
      text     = "A function wrote more than ${var.alert_thresholds.error_log_count} lines of severity ERROR in five minutes, or an instance crashed or did not start: a defect, or trouble of Google's."
      conditions = {
        "error lines" = {
          filter    = format(local.function_metric, local.metric_types.error_lines)
          aligner   = "ALIGN_DELTA"
          group_by  = ["resource.label.service_name"]
          threshold = var.alert_thresholds.error_log_count
        }
        "an instance crashed or did not start" = {
          filter   = format(local.function_metric, local.metric_types.crashes)
          aligner  = "ALIGN_DELTA"
          group_by = ["resource.label.service_name"]
        }
      }
    }
    out-of-memory = {
      title    = "a function runs out of memory"
      severity = "ERROR"
      text     = "Cloud Run ended an instance because it took more memory than it has. What it held is delivered again."
      conditions = {
        "an instance ran out of memory" = {
          filter   = format(local.function_metric, local.metric_types.out_of_memory)
          aligner  = "ALIGN_DELTA"
          group_by = ["resource.label.service_name"]
        }
      }
    }
    # https://cloud.google.com/run/docs/audit-logging, https://cloud.google.com/functions/docs/monitoring/audit-logging: an
    # operation's end and a revision that does not become ready are logged as ERROR when they fail.
    roll-out = {
      title    = "a roll-out failed"
      severity = "ERROR"
      text     = "A deployment of a function failed. The revision before it still serves."
      conditions = {
        "a deployment ended in an error" = {
          log = join(" AND ", [
            "severity>=ERROR",
            "logName=(\"projects/${var.project_id}/logs/cloudaudit.googleapis.com%2Factivity\" OR \"projects/${var.project_id}/logs/cloudaudit.googleapis.com%2Fsystem_event\")",
            "protoPayload.serviceName=(\"cloudfunctions.googleapis.com\" OR \"run.googleapis.com\")",
            "(resource.labels.function_name=(${local.function_names}) OR resource.labels.service_name=(${local.function_names}))",
          ])
          labels = { what = "protoPayload.methodName", resource = "protoPayload.resourceName" }
        }
      }
    }
    # Version 1 holds the word `unset`, which Terraform may read when it refreshes its state.
    secret-read = {
      title    = "somebody other than a function read a secret"
      severity = "WARNING"
      text     = "A credential of Customer.io was read by somebody other than the functions. The alert says by whom and which."
      conditions = {
        "a secret was read" = {
          log = join(" AND ", [
            "logName=\"projects/${var.project_id}/logs/cloudaudit.googleapis.com%2Fdata_access\"",
            "protoPayload.serviceName=\"secretmanager.googleapis.com\"",
            "protoPayload.methodName:\"AccessSecretVersion\"",
            "protoPayload.resourceName=~\"/secrets/(${join("|", [for secret in values(var.pipeline.secrets) : secret.id])})/\"",
            "NOT protoPayload.resourceName=~\"/versions/1$\"",
            "NOT protoPayload.authenticationInfo.principalEmail=(${join(" OR ", [for account in values(google_service_account.function) : "\"${account.email}\""])})",
          ])
          labels = { who = "protoPayload.authenticationInfo.principalEmail", secret = "protoPayload.resourceName" }
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
    }, var.webhook_silence_hours == null ? {} : {
    # A condition on absence would wait for a first webhook, and say nothing of a webhook that never worked.
    webhook-silence = {
      title    = "no webhook of Customer.io was accepted"
      severity = "ERROR"
      runbook  = "webhook"
      text     = "No webhook from Customer.io's addresses was accepted for ${var.webhook_silence_hours} hours (`webhook_silence_hours`). Either nothing happened at Customer.io, or its webhooks do not arrive: after 7 days they are lost."
      conditions = {
        "none accepted" = {
          promql = "(sum(increase(${local.accepted_in_promql}[${var.webhook_silence_hours}h])) or vector(0)) < 0.5"
        }
      }
    }
  })

  # The subscriptions let only SECRET_ROTATE through: Secret Manager publishes every change of a secret to the topic.
  reminder_subscriptions = "resource.labels.subscription_id=one_of(${join(", ", [
    for name, s in var.pipeline.subscriptions : "\"${name}\"" if s.topic == var.pipeline.secret_rotation.topic
  ])})"

  # PromQL's name of a metric: the first / becomes : and every other special character _.
  accepted_in_promql = "logging_googleapis_com:user_${replace(google_logging_metric.metric["webhook_requests_of_customerio"].name, "/", "_")}{monitored_resource=\"cloud_run_revision\",http_status=~\"2..\"}"

  not_served     = "metric.labels.http_status=monitoring.regex.full_match(\"429|5..\")"
  function_names = join(" OR ", [for name in keys(var.pipeline.functions) : "\"${name}\""])

  pipeline_services = "resource.labels.service_name=one_of(${join(", ", [for name in keys(var.pipeline.functions) : "\"${name}\""])})"

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

  depends_on = [time_sleep.services]
}

resource "google_monitoring_alert_policy" "alert" {
  for_each = merge(local.alerts, local.probe_alerts)

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

      dynamic "condition_threshold" {
        for_each = can(conditions.value.filter) ? [conditions.value] : []
        content {
          filter             = condition_threshold.value.filter
          denominator_filter = try(condition_threshold.value.denominator, null)
          comparison         = "COMPARISON_GT"
          threshold_value    = try(condition_threshold.value.threshold, 0)
          duration           = "${try(condition_threshold.value.minutes, 1) * 60}s"

          # Counts have no points while nothing happens. With NO_OP an alert stays open then, and is silent when the same
          # happens again.
          evaluation_missing_data = try(each.value.stays, false) ? "EVALUATION_MISSING_DATA_NO_OP" : "EVALUATION_MISSING_DATA_INACTIVE"

          aggregations {
            alignment_period     = try(condition_threshold.value.period, "300s")
            per_series_aligner   = condition_threshold.value.aligner
            cross_series_reducer = try(condition_threshold.value.reducer, "REDUCE_SUM")
            group_by_fields      = condition_threshold.value.group_by
          }

          dynamic "denominator_aggregations" {
            for_each = can(condition_threshold.value.denominator) ? [1] : []
            content {
              alignment_period     = "300s"
              per_series_aligner   = condition_threshold.value.aligner
              cross_series_reducer = try(condition_threshold.value.reducer, "REDUCE_SUM")
              group_by_fields      = condition_threshold.value.group_by
            }
          }
        }
      }

      dynamic "condition_matched_log" {
        for_each = can(conditions.value.log) ? [conditions.value] : []
        content {
          filter           = condition_matched_log.value.log
          label_extractors = { for label, field in condition_matched_log.value.labels : label => "EXTRACT(${field})" }
        }
      }

      dynamic "condition_prometheus_query_language" {
        for_each = can(conditions.value.promql) ? [conditions.value] : []
        content {
          query               = condition_prometheus_query_language.value.promql
          duration            = "0s"
          evaluation_interval = "300s"

          # The metric may never have had a point, which is what the alert is about.
          disable_metric_validation = true
        }
      }
    }
  }

  # The longest there is, so that nothing closes because nobody looked. Missing points close what is over.
  alert_strategy {
    auto_close = "604800s"

    dynamic "notification_rate_limit" {
      for_each = anytrue([for condition in values(each.value.conditions) : can(condition.log)]) ? [1] : []
      content {
        period = "300s"
      }
    }
  }

  documentation {
    subject   = "[${var.environment}] Customer.io: ${each.value.title}"
    mime_type = "text/markdown"
    content   = "${each.value.text}\n\nRunbook: ${var.runbook_url}/${try(each.value.runbook, each.key)}.md"

    links {
      display_name = "Runbook"
      url          = "${var.runbook_url}/${try(each.value.runbook, each.key)}.md"
    }
  }

  depends_on = [time_sleep.metrics]
}
