# One page for the person on call, from left to right and top to bottom in the order of the questions:
# is it working, is it late, what was dead-lettered, what do the neighbours answer.

locals {
  charts = [
    { title = "Delivery attempts by outcome", filter = format(local.function_metric, local.metric_types.messages), group_by = ["metric.label.function", "metric.label.outcome"] },
    { title = "Oldest unacknowledged message", filter = "${format(local.pubsub_metric, "oldest_unacked_message_age")} AND ${local.own_subscriptions}", group_by = ["resource.label.subscription_id"], aligner = "ALIGN_MAX", reducer = "REDUCE_MAX", unit = "s" },
    { title = "Unacknowledged messages", filter = "${format(local.pubsub_metric, "num_undelivered_messages")} AND ${local.own_subscriptions}", group_by = ["resource.label.subscription_id"], aligner = "ALIGN_MAX" },

    { title = "Latency of a push, 95th percentile", filter = format(local.function_metric, local.metric_types.message_latency), group_by = ["metric.label.function"], reducer = "REDUCE_PERCENTILE_95", unit = "ms" },
    { title = "Age of a message when settled, 95th percentile", filter = format(local.function_metric, local.metric_types.message_age), group_by = ["metric.label.function"], reducer = "REDUCE_PERCENTILE_95", unit = "ms" },
    { title = "Pushes by Pub/Sub's verdict", filter = "${format(local.pubsub_metric, "push_request_count")} AND ${local.own_subscriptions}", group_by = ["resource.label.subscription_id", "metric.label.response_class"] },

    { title = "Dead letters by reason", filter = "${format(local.function_metric, local.metric_types.final_outcomes)} AND ${local.dead_lettered}", group_by = ["metric.label.function", "metric.label.reason"] },
    { title = "Dead letters waiting", filter = "${format(local.pubsub_metric, "num_undelivered_messages")} AND ${local.dead_letter_filter}", group_by = ["resource.label.subscription_id"], aligner = "ALIGN_MAX" },
    { title = "Not sent by outcome: expired, cancelled, guarded", filter = "${format(local.function_metric, local.metric_types.final_outcomes)} AND ${local.not_sent_outcomes}", group_by = ["metric.label.function", "metric.label.outcome"] },

    { title = "Customer.io: answers by status", filter = format(local.function_metric, local.metric_types.customerio_requests), group_by = ["metric.label.function", "metric.label.http_status", "metric.label.reason"] },
    { title = "Customer.io: 429, slow down", filter = "${format(local.function_metric, local.metric_types.customerio_requests)} AND metric.labels.http_status=\"429\"", group_by = ["metric.label.function"] },
    { title = "Customer.io: 401, credentials refused", filter = "${format(local.function_metric, local.metric_types.customerio_requests)} AND metric.labels.http_status=\"401\"", group_by = ["metric.label.function"] },

    { title = "Customer.io: latency, 95th percentile", filter = format(local.function_metric, local.metric_types.customerio_latency), group_by = ["metric.label.function"], reducer = "REDUCE_PERCENTILE_95", unit = "ms" },
    { title = "Operations in a batch, median", filter = format(local.function_metric, local.metric_types.batch_size), group_by = ["metric.label.function"], reducer = "REDUCE_PERCENTILE_50" },
    { title = "Instances", filter = "${format(local.function_metric, "run.googleapis.com/container/instance_count")} AND ${local.pipeline_services}", group_by = ["resource.label.service_name"], aligner = "ALIGN_MAX" },

    { title = "Webhooks by answer", filter = format(local.function_metric, local.metric_types.webhook_answers), group_by = ["metric.label.answer", "metric.label.reason"] },
    { title = "Webhook: requests from Customer.io by status", filter = format(local.function_metric, local.metric_types.webhook_requests_of_customerio), group_by = ["metric.label.http_status"] },
    { title = "Webhook: requests from anywhere by status", filter = format(local.function_metric, local.metric_types.webhook_requests), group_by = ["metric.label.http_status"] },

    { title = "BigQuery: rows refused", filter = format(local.function_metric, local.metric_types.warehouse_row_errors), group_by = ["metric.label.table"] },
    { title = "Webhooks in quarantine by reason", filter = format(local.function_metric, local.metric_types.quarantined), group_by = ["metric.label.reason"] },

    { title = "New in webhooks by kind", filter = format(local.function_metric, local.metric_types.webhook_novelties), group_by = ["metric.label.kind"] },

    { title = "Error lines by function", filter = format(local.function_metric, local.metric_types.error_lines), group_by = ["resource.label.service_name", "metric.label.event"] },
    { title = "Crashes by function", filter = format(local.function_metric, local.metric_types.crashes), group_by = ["resource.label.service_name"] },
    { title = "Out of memory by function", filter = format(local.function_metric, local.metric_types.out_of_memory), group_by = ["resource.label.service_name"] },

    { title = "Secrets unset or unreadable", filter = format(local.function_metric, local.metric_types.secret_problems), group_by = ["metric.label.secret", "metric.label.event"] },
  ]

  # Three to a row of 48 columns. The API leaves out a position of zero, so one that is written is a change in every plan
  # (proto3 JSON has no zeros).
  tiles = [
    for index, chart in concat(local.charts, local.probe_charts) : merge({ for axis, at in { xPos = index % 3 * 16, yPos = floor(index / 3) * 12 } : axis => at if at != 0 }, {
      width  = 16
      height = 12
      widget = {
        title = chart.title
        xyChart = {
          dataSets = [{
            plotType       = "LINE"
            targetAxis     = "Y1"
            legendTemplate = join(" ", [for field in chart.group_by : "$${${replace(field, "label", "labels")}}"])
            timeSeriesQuery = {
              unitOverride = try(chart.unit, "1")
              timeSeriesFilter = {
                filter = chart.filter
                aggregation = {
                  alignmentPeriod    = "60s"
                  perSeriesAligner   = try(chart.aligner, "ALIGN_DELTA")
                  crossSeriesReducer = try(chart.reducer, "REDUCE_SUM")
                  groupByFields      = chart.group_by
                }
              }
            }
          }]
          yAxis = { scale = "LINEAR" }
        }
      }
    })
  ]
}

resource "google_monitoring_dashboard" "pipeline" {
  project = var.project_id

  dashboard_json = jsonencode({
    displayName  = "Customer.io ${local.display_environment}"
    labels       = { application = "customerio" }
    mosaicLayout = { columns = 48, tiles = local.tiles }
  })
}
