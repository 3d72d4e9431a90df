# What users of the pipeline may rely on, and alerts when the error budget burns so fast that it will not last.

locals {
  slos = {
    delivery = {
      title = "delivery attempts that end in a final answer"
      goal  = var.slo_goals.delivery
      # A refused message is settled: it broke the contract. A retry is not, and an exhausted one is a loss.
      good = "${format(local.function_metric, local.metric_types.messages)} AND metric.labels.outcome=one_of(\"delivered\", \"refused\")"
      bad  = "${format(local.function_metric, local.metric_types.messages)} AND metric.labels.outcome=one_of(\"retry\", \"exhausted\")"
    }
    webhook = {
      title = "webhooks that are accepted"
      goal  = var.slo_goals.webhook
      # A request that is refused as forged says nothing about the service. 429: Cloud Run had no instance for it.
      good = "${format(local.function_metric, "run.googleapis.com/request_count")} AND ${local.public_services} AND metric.labels.response_code_class=\"2xx\""
      bad  = "${format(local.function_metric, "run.googleapis.com/request_count")} AND ${local.public_services} AND ${local.not_served}"
    }
  }

  # At a rate of 14.4 a budget of 28 days is gone in 2 days, at 6 in under 5. The short window ends the alert soon
  # after the trouble. Rates and windows: Google, The Site Reliability Workbook, chapter 5.
  burn_rates = {
    fast = { rate = 14.4, long = "3600s", short = "300s", severity = "CRITICAL" }
    slow = { rate = 6, long = "21600s", short = "1800s", severity = "WARNING" }
  }

  burn_alerts = merge([
    for slo in keys(local.slos) : { for speed, burn in local.burn_rates : "${slo}-${speed}" => merge(burn, { slo = slo, speed = speed }) }
  ]...)
}

resource "google_monitoring_custom_service" "pipeline" {
  project      = var.project_id
  service_id   = "customerio"
  display_name = "Customer.io pipeline"
  user_labels  = local.labels

  depends_on = [google_project_service.api]
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

  request_based_sli {
    good_total_ratio {
      good_service_filter = each.value.good
      bad_service_filter  = each.value.bad
    }
  }

  depends_on = [time_sleep.metrics]
}

resource "google_monitoring_alert_policy" "burn" {
  for_each = local.burn_alerts

  project               = var.project_id
  display_name          = "Customer.io ${var.environment}: error budget of ${each.value.slo} burns ${each.value.speed}"
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
    subject   = "[${var.environment}] Customer.io: error budget of ${each.value.slo} burns ${each.value.speed}"
    mime_type = "text/markdown"
    content   = "At this rate the budget of 28 days (${each.value.slo}: ${local.slos[each.value.slo].goal * 100} %) is gone in ${floor(28 / each.value.rate * 10) / 10} days.\n\nRunbook: ${var.runbook_url}/error-budget.md"

    links {
      display_name = "Runbook"
      url          = "${var.runbook_url}/error-budget.md"
    }
  }
}
