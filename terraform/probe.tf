# The probe: Cloud Scheduler starts a round every few minutes, which tries every link between an application, Customer.io
# and the warehouse, and says which one is broken. It sees what the platform's metrics do not: a request that is refused
# before it reaches an instance, a subscription that is missing, a row that never arrives.

variable "probe" {
  description = "Whether the probe runs. Its rounds change one synthetic person at Customer.io, cio-gcp-probe, and add one row each to webhook_events. webhook_url is where Customer.io was told to send webhooks, if that is not the function's own address."
  type = object({
    enabled     = bool
    webhook_url = optional(string)
  })
  default  = { enabled = false }
  nullable = false

  validation {
    condition     = var.probe.webhook_url == null || can(regex("^https://[^ ]+$", var.probe.webhook_url))
    error_message = "Give the https address that stands in Customer.io under Reporting Webhooks, or leave it out for the function's own."
  }
}

locals {
  # Not the function's service_config[0].uri: one function's variables cannot name an attribute of another one made by the
  # same resource. Cloud Functions gives each function this address too, with the same check of who may call it:
  # https://cloud.google.com/functions/docs/calling/http
  probe_webhook_url = coalesce(
    var.probe.webhook_url, "https://${var.region}-${var.project_id}.cloudfunctions.net/${local.names.functions[one(keys(local.public_functions))]}"
  )

  probe_topics = merge([
    for name, f in local.probe_functions : { for topic in f.probes : "${topic} ${name}" => { function = name, topic = topic } }
  ]...)

  probe_metrics = {
    probe_links = {
      description = "Links that the probe tried, by what it found."
      filter      = "jsonPayload.event=\"probe\""
      labels      = { link = "jsonPayload.link", ok = "jsonPayload.ok", reason = "jsonPayload.reason" }
    }
    probe_latency = {
      description = "Time until the probe saw at the end of a link what it had sent into it."
      filter      = "jsonPayload.event=\"probe\" AND jsonPayload.ok=true"
      value       = "jsonPayload.latency_ms"
      unit        = "ms"
      labels      = { link = "jsonPayload.link" }
    }
    probe_rounds = {
      description = "Rounds of the probe that came to their end, by whether every link was intact."
      filter      = "jsonPayload.event=\"probe_round\""
      labels      = { ok = "jsonPayload.ok" }
    }
    probe_sends = {
      description = "Looks of the probe at sends of today and yesterday, by view and by whether it was empty."
      filter      = "jsonPayload.event=\"probe_sends\" AND jsonPayload.table!=\"\""
      labels      = { table = "jsonPayload.table", ok = "jsonPayload.ok" }
    }
  }

  # As in alerts.tf. Without the probe there is nothing to watch.
  probe_alerts = { for name, alert in {
    probe = {
      title    = "the probe found a broken link"
      severity = "ERROR"
      text     = "What an application publishes does not reach Customer.io, or a webhook does not reach BigQuery: the link `$${metric.label.link}` was broken in more than one round of a quarter of an hour."
      conditions = {
        # One round alone may have met a restart. A quarter of an hour has three.
        "a link was broken in more than one round" = {
          filter    = "${format(local.function_metric, local.metric_types.probe_links)} AND metric.labels.ok=\"false\""
          aligner   = "ALIGN_DELTA"
          period    = "900s"
          group_by  = ["metric.label.link"]
          threshold = 1
        }
      }
    }
    probe-sends = {
      title    = "sends that somebody has to look at"
      severity = "WARNING"
      runbook  = "sends"
      text     = "Sends of today or yesterday may have reached nobody. See the view named below."
      conditions = {
        # A look every quarter of an hour; one alone may have met a send that somebody was deciding about.
        "uncertain sends wait for a decision" = {
          filter    = "${format(local.function_metric, local.metric_types.probe_sends)} AND metric.labels.ok=\"false\" AND metric.labels.table=\"unsettled_sends\""
          aligner   = "ALIGN_DELTA"
          period    = "3600s"
          group_by  = ["metric.label.table"]
          threshold = 1
        }
        "no webhook told of accepted sends" = {
          filter    = "${format(local.function_metric, local.metric_types.probe_sends)} AND metric.labels.ok=\"false\" AND metric.labels.table=\"sends_without_outcome\""
          aligner   = "ALIGN_DELTA"
          period    = "3600s"
          group_by  = ["metric.label.table"]
          threshold = 1
        }
      }
    }
    probe-silence = {
      title    = "the probe does not run"
      severity = "ERROR"
      runbook  = "probe"
      text     = "No round of the probe came to its end within an hour: nobody would be told of a broken link."
      conditions = {
        "no round came to its end" = {
          promql = "(sum(increase(${local.probe_rounds_in_promql}[1h])) or vector(0)) < 0.5"
        }
      }
    }
  } : name => alert if var.probe.enabled }

  probe_rounds_in_promql = "${local.promql_metrics.probe_rounds}{monitored_resource=\"cloud_run_revision\",ok=~\"true|false\"}"

  probe_charts = [
    { title = "Probe: broken links", filter = "${format(local.function_metric, local.metric_types.probe_links)} AND metric.labels.ok=\"false\"", group_by = ["metric.label.link", "metric.label.reason"] },
    { title = "Probe: latency of each link, 95th percentile", filter = format(local.function_metric, local.metric_types.probe_latency), group_by = ["metric.label.link"], reducer = "REDUCE_PERCENTILE_95", unit = "ms" },
  ]
}

resource "google_cloud_scheduler_job" "probe" {
  for_each = var.probe.enabled ? local.probe_functions : {}

  project     = var.project_id
  region      = var.region
  name        = local.names.probe_job
  description = "Starts a round of the Customer.io probe."
  schedule    = var.pipeline.probe.schedule
  time_zone   = "Etc/UTC"

  pubsub_target {
    topic_name = google_pubsub_topic.topic[var.pipeline.probe.topic].id
    data       = base64encode("start a round") # read by nobody, but a message must not be empty
  }

  depends_on = [google_pubsub_topic_iam_member.scheduler]
}

resource "google_cloud_scheduler_job" "names" {
  for_each = var.probe.enabled ? local.probe_functions : {}

  project     = var.project_id
  region      = var.region
  name        = local.names.names_job
  description = "Fetches names from Customer.io that webhooks have only ids for, a part each time."
  schedule    = var.pipeline.probe.names_schedule
  time_zone   = "Etc/UTC"

  pubsub_target {
    topic_name = google_pubsub_topic.topic[var.pipeline.probe.topic].id
    attributes = { task = "names" }
  }

  depends_on = [google_pubsub_topic_iam_member.scheduler]
}

# Google's own account that publishes for Cloud Scheduler. It exists only once asked for.
resource "google_project_service_identity" "scheduler" {
  provider   = google-beta
  project    = var.project_id
  service    = "cloudscheduler.googleapis.com"
  depends_on = [time_sleep.services]
}

resource "google_pubsub_topic_iam_member" "scheduler" {
  project = var.project_id
  topic   = google_pubsub_topic.topic[var.pipeline.probe.topic].id
  role    = "roles/pubsub.publisher"
  member  = local.members["scheduler"]

  depends_on = [google_pubsub_subscription.subscription]
}

# It publishes as an application does.
resource "google_pubsub_topic_iam_member" "probe" {
  for_each = local.probe_topics

  project = var.project_id
  topic   = google_pubsub_topic.topic[each.value.topic].id
  role    = "roles/pubsub.publisher"
  member  = local.members["${each.value.function}-function"]

  depends_on = [google_pubsub_subscription.subscription]
}

# It looks for its row, counts sends in two views, and writes names: in these tables only, and a query is a job, which is a
# permission on the project. A view and a table function read with the rights of who asks.
resource "google_bigquery_table_iam_member" "probe" {
  for_each = length(local.probe_functions) == 0 ? [] : toset(["message_outcomes", "webhook_events"])

  project    = var.project_id
  dataset_id = google_bigquery_table.table[each.key].dataset_id
  table_id   = google_bigquery_table.table[each.key].table_id
  role       = "roles/bigquery.dataViewer"
  member     = local.members["${one(keys(local.probe_functions))}-function"]

  # A table that is replaced has lost its bindings.
  lifecycle {
    replace_triggered_by = [google_bigquery_table.table[each.key].id]
  }
}

resource "google_bigquery_table_iam_member" "probe_view" {
  for_each = length(local.probe_functions) == 0 ? [] : toset(["sends_without_outcome"])

  project    = var.project_id
  dataset_id = google_bigquery_table.view[each.key].dataset_id
  table_id   = google_bigquery_table.view[each.key].table_id
  role       = "roles/bigquery.dataViewer"
  member     = local.members["${one(keys(local.probe_functions))}-function"]

  lifecycle {
    replace_triggered_by = [google_bigquery_table.view[each.key].id]
  }
}

resource "google_bigquery_table_iam_member" "names" {
  for_each = local.probe_functions

  project    = var.project_id
  dataset_id = google_bigquery_table.table["names"].dataset_id
  table_id   = google_bigquery_table.table["names"].table_id
  role       = "roles/bigquery.dataEditor"
  member     = local.members["${each.key}-function"]

  lifecycle {
    replace_triggered_by = [google_bigquery_table.table["names"].id]
  }
}

resource "google_project_iam_member" "probe_query" {
  for_each = local.probe_functions

  project = var.project_id
  role    = "roles/bigquery.jobUser"
  member  = local.members["${each.key}-function"]
}
