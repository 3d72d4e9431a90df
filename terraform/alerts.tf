# Each alert stands for something a person has to do, and its runbook says what: runbooks/<key>.md, or that of `runbook`.

locals {
  function_metric = "resource.type=\"cloud_run_revision\" AND metric.type=\"%s\""
  pubsub_metric   = "resource.type=\"pubsub_subscription\" AND metric.type=\"pubsub.googleapis.com/subscription/%s\""

  # Every subscription that waits to be delivered, whatever pipeline.yaml calls it, those of them that push to a function, and
  # every one in which dead letters wait that failed. No alert watches those that were not sent by decision.
  source_subscriptions = "resource.labels.subscription_id=one_of(${join(", ", [
    for name in keys(local.sources) : "\"${local.names.subscriptions[name]}\""
  ])})"
  pushed_subscriptions = "resource.labels.subscription_id=one_of(${join(", ", [
    for name in setintersection(keys(local.sources), keys(local.push_subscriptions)) : "\"${local.names.subscriptions[name]}\""
  ])})"
  dead_letter_filter = "resource.labels.subscription_id=one_of(${join(", ", [
    for name in keys(local.failed_subscriptions) : "\"${local.names.subscriptions[name]}\""
  ])})"

  own_subscriptions = "resource.labels.subscription_id=one_of(${join(", ", [for name in values(local.names.subscriptions) : "\"${name}\""])})"

  dead_lettered     = "metric.labels.outcome=one_of(\"refused\", \"exhausted\")"
  not_sent_outcomes = "metric.labels.outcome=one_of(\"expired\", \"cancelled\", \"guarded\")"

  # A condition is one of three:
  # filter   a metric: how to align its points, and over which period (five minutes), what to keep apart, and the value above
  #          which it fires after `minutes`
  # log      a line of Google's in the audit log, whose resources Cloud Monitoring knows no metrics of
  # promql   a query that has a result
  # With `stays`, an incident stays open for a week after the last point: it is news, and needs telling once.
  alerts = merge(local.message_alerts, local.webhook_alerts, local.function_alerts, local.probe_alerts, local.record_alerts)

  pipeline_services = "resource.labels.service_name=one_of(${join(", ", [for name in values(local.names.functions) : "\"${name}\""])})"

  notification_channels = concat(
    values(google_monitoring_notification_channel.channel)[*].name, var.existing_notification_channels
  )
}

resource "google_monitoring_notification_channel" "channel" {
  for_each = var.notification_channels

  project      = var.project_id
  display_name = local.names.channels[each.key]
  type         = each.value.type
  labels       = each.value.labels
  user_labels  = local.labels

  depends_on = [time_sleep.services]
}

resource "google_monitoring_alert_policy" "alert" {
  for_each = local.alerts

  project               = var.project_id
  display_name          = "Customer.io ${local.display_environment}: ${each.value.title}"
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
    subject   = "[${local.display_environment}] Customer.io: ${each.value.title}"
    mime_type = "text/markdown"
    content   = "${each.value.text}\n\nRunbook: ${var.runbook_url}/${try(each.value.runbook, each.key)}.md"

    links {
      display_name = "Runbook"
      url          = "${var.runbook_url}/${try(each.value.runbook, each.key)}.md"
    }
  }

  depends_on = [time_sleep.metrics]
}
