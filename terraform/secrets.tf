# Containers and access. Values are added with the command line (see README.md) and never pass through Terraform.

locals {
  secret_file   = "value"
  secret_mounts = { for name, secret in var.pipeline.secrets : name => "/secrets/${secret.id}" }

  secret_readers = merge([
    for function, f in local.functions : {
      for secret in f.secrets : "${secret} ${function}" => { secret = secret, function = function }
    }
  ]...)
}

# Only the first reminder needs a date; Secret Manager moves it on by itself. One per secret, since the date of a secret
# that is added later must lie ahead too.
resource "time_offset" "first_rotation" {
  for_each = { for name, secret in var.pipeline.secrets : name => secret if secret.is_credential }

  offset_days = var.pipeline.secret_rotation.period_days
  triggers    = { secret = each.value.id }
}

# Secret Manager refuses a secret to whose topic it cannot publish, and a permission takes a moment to be known.
resource "time_sleep" "secret_rotation" {
  create_duration = local.settling.permissions
  triggers        = { topic = google_pubsub_topic_iam_member.secret_rotation.topic }
}

resource "google_secret_manager_secret" "secret" {
  for_each = var.pipeline.secrets

  project             = var.project_id
  secret_id           = local.names.secrets[each.key]
  labels              = local.labels
  deletion_protection = var.deletion_protection

  replication {
    auto {}
  }

  dynamic "topics" {
    for_each = each.value.is_credential ? [google_pubsub_topic.topic[var.pipeline.secret_rotation.topic].id] : []
    content {
      name = topics.value
    }
  }

  dynamic "rotation" {
    for_each = each.value.is_credential ? [time_offset.first_rotation[each.key].rfc3339] : []
    content {
      rotation_period    = "${var.pipeline.secret_rotation.period_days * 86400}s"
      next_rotation_time = rotation.value
    }
  }

  lifecycle {
    ignore_changes = [rotation[0].next_rotation_time]
  }

  depends_on = [time_sleep.secret_rotation]
}

# A function that mounts a secret without a version cannot be deployed. The word `unset` lets the first apply
# succeed; functions answer 503 until the real value is added. Never destroy this version: Terraform would find it gone
# and add `unset` again, as the newest. Disabling it is harmless.
resource "google_secret_manager_secret_version" "unset" {
  for_each = var.pipeline.secrets

  secret                 = google_secret_manager_secret.secret[each.key].id
  secret_data_wo         = "unset" # write-only: not even this word is in the state, and no value is ever read back
  secret_data_wo_version = "1"
  deletion_policy        = "ABANDON"

  # An operator may disable this version once a real one exists: to enable it again is not Terraform's to do.
  lifecycle {
    ignore_changes = [enabled]
  }
}

resource "google_secret_manager_secret_iam_member" "function" {
  for_each = local.secret_readers

  project   = var.project_id
  secret_id = google_secret_manager_secret.secret[each.value.secret].id # by id: replaced together with its secret
  role      = "roles/secretmanager.secretAccessor"
  member    = local.members["${each.value.function}-function"]
}
