# Messages that wait, or that were dead-lettered. The form of an entry is described in alerts.tf.

locals {
  oldest_dead_letter = {
    filter   = "${format(local.pubsub_metric, "oldest_unacked_message_age")} AND ${local.dead_letter_filter}"
    aligner  = "ALIGN_MAX"
    reducer  = "REDUCE_MAX"
    group_by = ["resource.label.subscription_id"]
  }

  oldest_message = merge(local.oldest_dead_letter, {
    filter = "${format(local.pubsub_metric, "oldest_unacked_message_age")} AND ${local.source_subscriptions}"
  })

  message_alerts = {
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
      text     = "The oldest message of a subscription is older than ${var.alert_thresholds.oldest_unacked_seconds} s. Nothing is lost before its retention of 7 days ends, but Customer.io, or the warehouse, falls behind. The cause may be an outage of Customer.io: the runbook tells how to see that."
      conditions = {
        "oldest unacknowledged message" = merge(local.oldest_message, { threshold = var.alert_thresholds.oldest_unacked_seconds })
      }
    }
    backlog-aging = {
      title      = "messages have waited for a day"
      severity   = "ERROR"
      runbook    = "backlog"
      text       = "Messages have waited for more than a day. Pub/Sub deletes each after 7 days: the first is lost in less than 6. `cio-gcp status` says whether somebody has paused the subscription, and why."
      conditions = { "the oldest is older than a day" = merge(local.oldest_message, { threshold = 86400 }) }
    }
    backlog-expiring = {
      title      = "messages that wait are about to be lost"
      severity   = "CRITICAL"
      runbook    = "backlog"
      text       = "**Messages are lost in less than 2 days:** they have waited for more than 5, and Pub/Sub deletes each after 7. `cio-gcp status` says whether somebody has paused the subscription, and why."
      conditions = { "the oldest is older than 5 days" = merge(local.oldest_message, { threshold = 5 * 86400 }) }
    }
    # A 5xx is not among them: a function answers 503 to whatever is to be tried again, in an outage of Customer.io all of it.
    push-failures = {
      title    = "pushes do not reach a function"
      severity = "WARNING"
      text     = "More than ${var.alert_thresholds.push_failure_ratio * 100} % of pushes to a function get no answer of its own: it may not be called, has no free instance, does not start, or takes too long."
      conditions = {
        "share of pushes without an answer of the function" = {
          filter      = "${format(local.pubsub_metric, "push_request_count")} AND ${local.pushed_subscriptions} AND metric.labels.response_class!=\"ack\" AND metric.labels.response_class!=\"remote_server_5xx\""
          denominator = "${format(local.pubsub_metric, "push_request_count")} AND ${local.pushed_subscriptions}"
          aligner     = "ALIGN_DELTA"
          group_by    = ["resource.label.subscription_id"]
          threshold   = var.alert_thresholds.push_failure_ratio
          minutes     = 10
        }
      }
    }
  }
}
