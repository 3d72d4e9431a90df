# The record of what became of each message: the functions' own log lines, by way of a topic into the table `message_outcomes`.
# Nothing is published in the hot path, and no function handles a line.

resource "google_logging_project_sink" "record" {
  project                = var.project_id
  name                   = local.names.record
  description            = "Log lines of messages: the record of what became of each."
  destination            = "pubsub.googleapis.com/${google_pubsub_topic.topic[var.pipeline.record.topic].id}"
  filter                 = "${local.logs.function} AND ${var.pipeline.record.filter}"
  unique_writer_identity = true
}

resource "google_pubsub_topic_iam_member" "record" {
  project = var.project_id
  topic   = google_pubsub_topic.topic[var.pipeline.record.topic].id
  role    = "roles/pubsub.publisher"
  member  = google_logging_project_sink.record.writer_identity

  depends_on = [google_pubsub_subscription.subscription]
}

# What the table has, the log needs to keep no second time: but for a share, for whoever reads the log.
resource "google_logging_project_exclusion" "delivered" {
  project     = var.project_id
  name        = local.names.exclusions.delivered
  description = "Lines of delivered messages, which are in the table message_outcomes, except for a share of ${var.delivered_log_share}."
  filter      = "${local.logs.function} AND jsonPayload.event=\"message\" AND jsonPayload.outcome=\"delivered\" AND sample(insertId, ${1 - var.delivered_log_share})"
  disabled    = var.delivered_log_share == 1 # a sample of nothing is no filter

  depends_on = [time_sleep.services]
}

locals {
  # As in alerts.tf. What waits in the subscription, and its dead letters, are watched as everybody's.
  record_alerts = {
    record = {
      title    = "the record of messages has gaps"
      severity = "WARNING"
      text     = "Cloud Logging could not publish log lines of messages to the topic `${local.names.topics[var.pipeline.record.topic]}`. Messages are delivered all the same, but `message_outcomes` does not say what became of them."
      conditions = {
        "the sink could not publish" = {
          filter   = "resource.type=\"logging_sink\" AND metric.type=\"logging.googleapis.com/exports/error_count\" AND resource.labels.name=\"${google_logging_project_sink.record.name}\""
          aligner  = "ALIGN_DELTA"
          group_by = ["resource.label.name"]
        }
      }
    }
  }
}
