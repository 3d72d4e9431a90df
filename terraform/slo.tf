# What users of the pipeline may rely on, and alerts when the error budget burns so fast that it will not last.

locals {
  slos = {
    # Of final outcomes only: what is tried again has none yet, and a publisher's broken message is settled.
    delivery = {
      title  = "messages that end as they should"
      goal   = var.slo_goals.delivery
      good   = "${format(local.function_metric, local.metric_types.final_outcomes)} AND metric.labels.reason!=\"exhausted\" AND metric.labels.reason!=\"uncertain\""
      bad    = "${format(local.function_metric, local.metric_types.final_outcomes)} AND metric.labels.reason=one_of(\"exhausted\", \"uncertain\")"
      speeds = ["fast", "slow"]
    }
    # Ages are added up over all subscriptions: one that stands still makes the five minutes bad. An outage of Customer.io
    # does that too, and a page in the night would not end it, so there is no fast alert.
    freshness = {
      title  = "time in which no message waits too long"
      goal   = var.slo_goals.freshness
      age    = "${format(local.pubsub_metric, "oldest_unacked_message_age")} AND ${local.pushed_subscriptions}"
      speeds = ["slow"]
    }
    # Customer.io's own requests: those of strangers say nothing about the service.
    webhook = {
      title  = "webhooks of Customer.io that are accepted"
      goal   = var.slo_goals.webhook
      good   = "${format(local.function_metric, local.metric_types.webhook_requests_of_customerio)} AND metric.labels.http_status=monitoring.regex.full_match(\"2..\")"
      bad    = "${format(local.function_metric, local.metric_types.webhook_requests_of_customerio)} AND metric.labels.http_status!=monitoring.regex.full_match(\"2..\")"
      speeds = ["fast", "slow"]
    }
  }

  # At a rate of 14.4 a budget of 28 days is gone in 2 days, at 6 in under 5. The short window ends the alert soon
  # after the trouble. Rates and windows: Google, The Site Reliability Workbook, chapter 5.
  burn_rates = {
    fast = { rate = 14.4, long = "3600s", short = "300s", severity = "CRITICAL" }
    slow = { rate = 6, long = "21600s", short = "1800s", severity = "WARNING" }
  }

  burn_alerts = merge([
    for name, slo in local.slos : { for speed in slo.speeds : "${name}-${speed}" => merge(local.burn_rates[speed], { slo = name, speed = speed }) }
  ]...)
}

resource "google_monitoring_custom_service" "pipeline" {
  project      = var.project_id
  service_id   = local.names.service
  display_name = "Customer.io ${var.name_prefix}pipeline"
  user_labels  = local.labels

  depends_on = [time_sleep.services]
}

resource "google_monitoring_slo" "slo" {
  for_each = local.slos

  project             = var.project_id
  service             = google_monitoring_custom_service.pipeline.service_id
  slo_id              = each.key
  display_name        = "${each.value.goal * 100} % of ${each.value.title}, 28 days"
  goal                = each.value.goal
  rolling_period_days = 28
  user_labels         = local.labels

  dynamic "request_based_sli" {
    for_each = can(each.value.good) ? [each.value] : []
    content {
      good_total_ratio {
        good_service_filter = request_based_sli.value.good
        bad_service_filter  = request_based_sli.value.bad
      }
    }
  }

  dynamic "windows_based_sli" {
    for_each = can(each.value.age) ? [each.value.age] : []
    content {
      window_period = "300s"
      metric_sum_in_range {
        time_series = windows_based_sli.value
        range {
          max = var.alert_thresholds.oldest_unacked_seconds
        }
      }
    }
  }

  depends_on = [time_sleep.metrics]
}

resource "google_monitoring_alert_policy" "burn" {
  for_each = local.burn_alerts

  project               = var.project_id
  display_name          = "Customer.io ${local.display_environment}: error budget of ${each.value.slo} burns ${each.value.speed}"
  severity              = each.value.severity
  combiner              = "AND"
  notification_channels = local.notification_channels
  user_labels           = local.labels

  dynamic "conditions" {
    for_each = [each.value.long, each.value.short]
    content {
      display_name = "burn rate over ${conditions.value}"

      condition_threshold {
        filter          = "select_slo_burn_rate(\"${google_monitoring_slo.slo[each.value.slo].id}\", \"${conditions.value}\")"
        comparison      = "COMPARISON_GT"
        threshold_value = each.value.rate
        duration        = "0s"
      }
    }
  }

  alert_strategy {
    auto_close = "1800s" # without requests there is no burn rate that could fall
  }

  documentation {
    subject   = "[${local.display_environment}] Customer.io: error budget of ${each.value.slo} burns ${each.value.speed}"
    mime_type = "text/markdown"
    content   = "At this rate the budget of 28 days (${each.value.slo}: ${local.slos[each.value.slo].goal * 100} %) is gone in ${floor(28 / each.value.rate * 10) / 10} days.\n\nRunbook: ${var.runbook_url}/error-budget.md"

    links {
      display_name = "Runbook"
      url          = "${var.runbook_url}/error-budget.md"
    }
  }
}
