resource "google_pubsub_topic" "topic" {
  for_each = var.pipeline.topics

  project = var.project_id
  name    = local.names.topics[each.key]
  labels  = local.labels

  # What `cio-gcp replay` reads: also a subscription that is made later may seek back so far.
  message_retention_duration = each.value.retention_days == 0 ? null : "${each.value.retention_days * 86400}s"

  # One region: order holds among messages of one region only (shared/decisions/one-storage-region.md).
  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }

  depends_on = [time_sleep.services]
}

# Pub/Sub drops a message to a topic without subscriptions, so whoever publishes is let in after those are made. Secret
# Manager cannot wait for them: functions, to which they push, wait for the secrets. Its first reminder is due in months.

# Bindings name their topic by its id: that of a topic that is replaced is not known before, so the bindings, which
# would be lost with the old topic, are replaced with it.

# Applications that publish. They come from a variable: the pipeline does not know its publishers.
resource "google_pubsub_topic_iam_member" "publisher" {
  for_each = merge([
    for topic, members in var.publishers : {
      for member in members : "${topic} ${member}" => { topic = topic, member = member }
    }
  ]...)

  project = var.project_id
  topic   = google_pubsub_topic.topic[each.value.topic].id
  role    = "roles/pubsub.publisher"
  member  = each.value.member

  depends_on = [google_pubsub_subscription.subscription]
}

# A function that publishes what it receives: webhook -> webhook-events.
resource "google_pubsub_topic_iam_member" "function" {
  for_each = { for name, f in local.functions : name => f.publishes if f.publishes != null }

  project = var.project_id
  topic   = google_pubsub_topic.topic[each.value].id
  role    = "roles/pubsub.publisher"
  member  = local.members["${each.key}-function"]

  depends_on = [google_pubsub_subscription.subscription]
}

# A function dead-letters what can never succeed, or is exhausted, with the reason.
resource "google_pubsub_topic_iam_member" "dead_letter_function" {
  for_each = { for name, s in local.subscription_of : name => s if s.dead_letter_topic != null }

  project = var.project_id
  topic   = google_pubsub_topic.topic[each.value.dead_letter_topic].id
  role    = "roles/pubsub.publisher"
  member  = local.members["${each.key}-function"]

  depends_on = [google_pubsub_subscription.subscription]
}

# A function moves to the bulk lane what would hold up others. The bulk lane is a filter on the topic that it came from.
resource "google_pubsub_topic_iam_member" "bulk_lane_function" {
  for_each = { for name, f in local.functions : name => local.subscription_of[name].topic if f.moves_floods }

  project = var.project_id
  topic   = google_pubsub_topic.topic[each.value].id
  role    = "roles/pubsub.publisher"
  member  = local.members["${each.key}-function"]

  depends_on = [google_pubsub_subscription.subscription]
}

# Pub/Sub itself dead-letters what crashed a function every time. Without this it silently keeps trying.
resource "google_pubsub_topic_iam_member" "dead_letter_agent" {
  for_each = local.dead_letter_topic_names

  project = var.project_id
  topic   = google_pubsub_topic.topic[each.key].id
  role    = "roles/pubsub.publisher"
  member  = local.members["pubsub"]

  depends_on = [google_pubsub_subscription.subscription]
}

# Secret Manager publishes its reminders.
resource "google_pubsub_topic_iam_member" "secret_rotation" {
  project = var.project_id
  topic   = google_pubsub_topic.topic[var.pipeline.secret_rotation.topic].id
  role    = "roles/pubsub.publisher"
  member  = local.members["secret-manager"]
}
