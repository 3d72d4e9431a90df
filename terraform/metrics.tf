# Metrics counted from the functions' structured log lines. The names of fields are those of shared/logging;
# metrics.test.ts runs these filters on lines that the functions really write.

locals {
  metrics = {
    messages = {
      description = "Delivery attempts of Pub/Sub messages, by what became of them."
      filter      = "jsonPayload.event=\"message\""
      labels = {
        function = "labels.function"
        outcome  = "jsonPayload.outcome"
        cause    = "jsonPayload.cause"
      }
    }
    message_latency = {
      description = "Time from a push's arrival to its answer."
      filter      = "jsonPayload.event=\"message\""
      value       = "jsonPayload.latency_ms"
      unit        = "ms"
      labels      = { function = "labels.function", outcome = "jsonPayload.outcome" }
    }
    message_age = {
      description = "Time from publishing a message to its final answer."
      filter      = "jsonPayload.event=\"message\" AND jsonPayload.answer=204"
      value       = "jsonPayload.age_ms"
      unit        = "ms"
      labels      = { function = "labels.function" }
    }
    dead_letters = {
      description = "Messages that a function dead-lettered, by reason."
      filter      = "jsonPayload.event=\"message\" AND jsonPayload.outcome=(\"refused\" OR \"exhausted\") AND jsonPayload.answer=204"
      labels      = { function = "labels.function", reason = "jsonPayload.reason" }
    }
    customerio_requests = {
      description = "Requests to Customer.io, by HTTP status, or by reason when no answer came."
      filter      = "jsonPayload.event=\"customerio_request\""
      labels = {
        function    = "labels.function"
        http_status = "jsonPayload.http_status"
        reason      = "jsonPayload.reason"
      }
    }
    customerio_latency = {
      description = "Time Customer.io took to answer."
      filter      = "jsonPayload.event=\"customerio_request\""
      value       = "jsonPayload.latency_ms"
      unit        = "ms"
      labels      = { function = "labels.function" }
    }
    batch_size = {
      description = "Operations in a request to Customer.io."
      filter      = "jsonPayload.event=\"customerio_request\" AND jsonPayload.batch_size>=1"
      value       = "jsonPayload.batch_size"
      unit        = "1"
      labels      = { function = "labels.function" }
    }
    webhook_answers = {
      description = "Webhooks of Customer.io, by our answer."
      filter      = "jsonPayload.event=\"webhook\""
      labels      = { answer = "jsonPayload.answer", reason = "jsonPayload.reason" }
    }
    warehouse_row_errors = {
      description = "Rows that BigQuery refused. They are kept in the quarantine table, or dead-lettered."
      filter      = "jsonPayload.event=\"row_refused\""
      labels      = { table = "jsonPayload.table" }
    }
    quarantined = {
      description = "Webhooks that were kept in the quarantine table because they could not be understood."
      filter      = "jsonPayload.event=\"webhook_quarantined\""
      labels      = { reason = "jsonPayload.reason" }
    }
    configuration_refused = {
      description = "Messages and requests that wait because our own configuration is refused or invalid."
      filter      = "(jsonPayload.cause=\"configuration\" OR jsonPayload.event=\"configuration_invalid\")"
      labels      = { function = "labels.function", http_status = "jsonPayload.http_status" }
    }
    secret_problems = {
      description = "Secrets that are unset or could not be read."
      filter      = "jsonPayload.event=(\"secret\" OR \"secret_read_failed\")"
      labels      = { function = "labels.function", secret = "jsonPayload.secret", event = "jsonPayload.event" }
    }
  }

  # Only lines of these functions, whatever else runs in the project.
  function_lines = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=(${join(" OR ", [
    for name in keys(var.pipeline.functions) : "\"${name}\""
  ])})"
}

resource "google_logging_metric" "metric" {
  for_each = local.metrics

  project     = var.project_id
  name        = "customerio/${each.key}"
  description = each.value.description
  filter      = "${local.function_lines} AND ${each.value.filter}"

  label_extractors = { for label, field in each.value.labels : label => "EXTRACT(${field})" }
  value_extractor  = try("EXTRACT(${each.value.value})", null)

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = can(each.value.value) ? "DISTRIBUTION" : "INT64"
    unit        = try(each.value.unit, "1")

    dynamic "labels" {
      for_each = each.value.labels
      content {
        key        = labels.key
        value_type = "STRING"
      }
    }
  }

  # From 1 to about a million, each bucket half as wide again as the one before: an error of 20 % at most.
  dynamic "bucket_options" {
    for_each = can(each.value.value) ? [1] : []
    content {
      exponential_buckets {
        num_finite_buckets = 36
        growth_factor      = 1.5
        scale              = 1
      }
    }
  }

  depends_on = [google_project_service.api]
}

# Alerts and SLOs are refused while Cloud Monitoring does not know the metric, which takes up to ten minutes.
resource "time_sleep" "metrics" {
  create_duration = "600s"
  triggers        = { metrics = join(",", values(google_logging_metric.metric)[*].id) }
}

locals {
  # Full types, for filters.
  metric_types = { for name, metric in google_logging_metric.metric : name => "logging.googleapis.com/user/${metric.name}" }
}
