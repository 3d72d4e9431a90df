# Webhooks of Customer.io: whether they come, are accepted, understood and stored. The form of an entry is described in
# alerts.tf.

locals {
  webhook_alerts = merge({
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
        # Customer.io sends no more than one per hour then. A stranger's 401 is a forgery, and no concern of anybody's.
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

  not_served = "metric.labels.http_status=monitoring.regex.full_match(\"429|5..\")"

  accepted_in_promql = "${local.promql_metrics.webhook_requests_of_customerio}{monitored_resource=\"cloud_run_revision\",http_status=~\"2..\"}"
}
