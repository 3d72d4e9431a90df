# Metrics counted from log lines: those that the functions write, whose fields are named in shared/logging, and those that
# Cloud Run writes about them. metrics.test.ts runs these filters on lines that the functions really write.
#
# A log-based metric counts every line, stored or excluded (logging.tf). `logging.googleapis.com/log_entry_count` does not,
# and it counts Cloud Run's own lines as ours, so nothing here reads it.

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
    final_outcomes = {
      description = "Messages that will not be delivered again, by outcome. A reason is that of the dead letter."
      filter      = "jsonPayload.event=\"message\" AND jsonPayload.answer=204"
      labels = {
        function = "labels.function"
        outcome  = "jsonPayload.outcome"
        reason   = "jsonPayload.reason"
      }
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
      description = "Webhooks, by our answer. Those of the probe are no webhooks of Customer.io's."
      filter      = "jsonPayload.event=\"webhook\" AND NOT jsonPayload.object_type=\"probe\""
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
    webhook_novelties = {
      description = "Kinds of events, fields and channels in webhooks that this version does not know."
      filter      = "jsonPayload.event=\"webhook_novelty\""
      labels      = { kind = "jsonPayload.reason" }
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
    # A configuration that is refused has an alert of its own, and Customer.io's trouble is logged as INFO.
    error_lines = {
      description = "Lines of severity ERROR that a function wrote itself, but for those about its configuration."
      filter      = "severity>=ERROR AND NOT jsonPayload.cause=\"configuration\""
      labels      = { event = "jsonPayload.event" }
    }
    out_of_memory = {
      log         = local.logs.instance
      description = "Instances that Cloud Run ended because they took more memory than they have, or that ran out of heap."
      filter      = "(textPayload:\"Memory limit of\" OR textPayload:\"JavaScript heap out of memory\")"
      labels      = {}
    }
    # The lines are those of https://cloud.google.com/run/docs/troubleshooting: "Container called exit(1)", "Uncaught signal: 6",
    # "The instance was not started". Cloud Run ends an instance that has nothing to do without such a line.
    crashes = {
      log         = local.logs.system
      description = "Instances that ended or did not start, other than for their memory."
      filter      = "severity>=WARNING AND NOT textPayload:\"Memory limit of\""
      labels      = {}
    }
    # Cloud Run's request log has what reaches no instance too: 403 when the caller may not invoke the function, 429 when no
    # instance is free (https://cloud.google.com/run/docs/troubleshooting). `run.googleapis.com/request_count` leaves both out.
    webhook_requests = {
      log         = local.logs.webhook_requests
      description = "POST requests to the webhook from anywhere, by HTTP status."
      filter      = "httpRequest.requestMethod=\"POST\""
      labels      = { http_status = "httpRequest.status" }
    }
    webhook_requests_of_customerio = {
      log         = local.logs.webhook_requests
      description = "POST requests to the webhook from Customer.io's addresses, by HTTP status."
      filter      = "httpRequest.requestMethod=\"POST\" AND httpRequest.remoteIp=(${join(" OR ", [for address in local.webhook_addresses : "\"${address}\""])})"
      labels      = { http_status = "httpRequest.status" }
    }
  }

  # Only lines of these functions, whatever else runs in the project.
  logs = {
    function = "${local.every_function} AND logName=(\"${local.log.stdout}\" OR \"${local.log.stderr}\")"
    instance = "${local.every_function} AND logName=(\"${local.log.stdout}\" OR \"${local.log.stderr}\" OR \"${local.log.system}\")"
    system   = "${local.every_function} AND logName=\"${local.log.system}\""
    requests = "${local.every_function} AND logName=\"${local.log.requests}\""
    webhook_requests = join(" AND ", [
      "resource.type=\"cloud_run_revision\"",
      "resource.labels.service_name=(${join(" OR ", [for name in keys(local.public_functions) : "\"${local.names.functions[name]}\""])})",
      "logName=\"${local.log.requests}\"",
    ])
  }
  log = { for key, name in { stdout = "stdout", stderr = "stderr", system = "varlog%2Fsystem", requests = "requests" } :
    key => "projects/${var.project_id}/logs/run.googleapis.com%2F${name}"
  }
  every_function = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=(${local.function_names})"

  webhook_addresses = coalescelist(
    var.customerio_webhook_addresses, yamldecode(file("${path.module}/webhook-addresses.yaml"))[var.customerio_region]
  )
}

resource "google_logging_metric" "metric" {
  for_each = merge(local.metrics, local.probe_metrics)

  project     = var.project_id
  name        = "${local.names.metrics}/${each.key}"
  description = each.value.description
  filter      = "${try(each.value.log, local.logs.function)} AND ${each.value.filter}"

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

  depends_on = [time_sleep.services]
}

# Alerts and SLOs are refused while Cloud Monitoring does not know the metric, which takes up to ten minutes.
resource "time_sleep" "metrics" {
  create_duration = "600s"
  triggers        = { metrics = join(",", values(google_logging_metric.metric)[*].id) }
}

locals {
  # Full types, for filters.
  metric_types = { for name, metric in google_logging_metric.metric : name => "logging.googleapis.com/user/${metric.name}" }

  # PromQL's: the first / becomes : and every other special character _.
  promql_metrics = {
    for name, metric in google_logging_metric.metric : name => "logging_googleapis_com:user_${replace(metric.name, "/[^A-Za-z0-9]/", "_")}"
  }
}
