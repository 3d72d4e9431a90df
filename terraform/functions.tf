locals {
  memory_mib = {
    for name, f in local.functions : name => tonumber(regex("^[0-9]+", f.memory)) * (endswith(f.memory, "Gi") ? 1024 : 1)
  }

  # The rules at the head of pipeline.yaml, one line per rule.
  function_environment = {
    for name, f in local.functions : name => merge(
      f.environment,
      { GOOGLE_CLOUD_PROJECT = var.project_id, LOG_LEVEL = var.log_level },
      {
        BODY_MEMORY_BYTES = tostring((local.memory_mib[name] - local.base_memory_mib) * 1048576)
        # The old space as the buildpack would set it. New objects would have half of this room in an instance of 1 GiB, where
        # those of a message do not die before the next collection; on a machine with more memory they would have more.
        # Options of pipeline.yaml come last: Node takes the last of two that contradict each other.
        NODE_OPTIONS = join(" ", compact([
          "--max-old-space-size=${local.memory_mib[name] - 64} --max-semi-space-size=32", lookup(f.environment, "NODE_OPTIONS", ""),
        ]))
      },
      { for secret in f.secrets : "${secret}_FILE" => "${local.secret_mounts[secret]}/${local.secret_file}" },
      f.rate_share == null && f.look_up_share == null ? {} : { CUSTOMERIO_REGION = var.customerio_region },
      f.rate_share == null ? {} : { RECIPIENTS = local.recipients },
      # An instance's part of what the account is allowed. Rounded down, so that all together stay within the limit.
      {
        for variable, part in {
          CUSTOMERIO_REQUESTS_PER_SECOND   = { limit = var.customerio_requests_per_second, share = f.rate_share }
          CUSTOMERIO_BROADCASTS_PER_SECOND = { limit = var.pipeline.customerio.broadcasts_per_second, share = f.broadcast_share }
          CUSTOMERIO_LOOK_UPS_PER_SECOND   = { limit = var.pipeline.customerio.app_requests_per_second, share = f.look_up_share }
        } : variable => tostring(floor(part.limit * var.pipeline.customerio.headroom * part.share / f.max_instances * 10000) / 10000)
        if part.share != null
      },
      !contains(keys(local.subscription_of), name) ? {} : {
        ACK_DEADLINE_SECONDS = tostring(local.subscription_of[name].ack_deadline_seconds)
      },
      try(local.subscription_of[name].dead_letter_topic, null) == null ? {} : {
        DEAD_LETTER_TOPIC     = google_pubsub_topic.topic[local.subscription_of[name].dead_letter_topic].name
        MAX_DELIVERY_ATTEMPTS = tostring(local.subscription_of[name].max_delivery_attempts)
      },
      !f.moves_floods ? {} : { BULK_LANE_TOPIC = google_pubsub_topic.topic[local.subscription_of[name].topic].name },
      f.publishes == null ? {} : { WEBHOOK_EVENTS_TOPIC = google_pubsub_topic.topic[f.publishes].name },
      length(f.probes) == 0 ? {} : { PROBE_WEBHOOK_URL = local.probe_webhook_url },
      length(f.probes) == 0 || var.name_prefix == "" ? {} : { PROBE_TOPIC_PREFIX = var.name_prefix },
      !f.warehouse && length(f.probes) == 0 ? {} : { BIGQUERY_DATASET = google_bigquery_dataset.warehouse.dataset_id },
      !f.ledger ? {} : {
        SEND_LEDGER_DATABASE   = google_firestore_database.ledger.name
        SEND_LEDGER_COLLECTION = var.pipeline.ledger.collection
        SEND_LEDGER_TTL_DAYS   = tostring(var.pipeline.ledger.ttl_days)
      },
    )
  }
}

resource "google_cloudfunctions2_function" "function" {
  for_each = local.functions

  project     = var.project_id
  location    = var.region
  name        = local.names.functions[each.key]
  description = "Customer.io pipeline: ${each.key}"
  labels      = local.labels

  build_config {
    runtime           = "nodejs24"
    entry_point       = each.value.entry_point
    service_account   = google_service_account.build.id
    docker_repository = google_artifact_registry_repository.images.id

    source {
      storage_source {
        bucket = google_storage_bucket.bundles.name
        object = try(google_storage_bucket_object.bundle[each.value.code].name, "${each.value.code}/${local.bundle_hash[each.value.code]}.zip")
      }
    }
  }

  service_config {
    service_account_email            = google_service_account.function[each.key].email
    available_memory                 = each.value.memory
    available_cpu                    = each.value.cpu
    max_instance_request_concurrency = each.value.concurrency
    min_instance_count               = lookup(var.min_instances, each.key, each.value.min_instances)
    max_instance_count               = each.value.max_instances
    timeout_seconds                  = each.value.timeout_seconds
    ingress_settings                 = each.value.ingress == "all" ? "ALLOW_ALL" : "ALLOW_INTERNAL_ONLY"
    environment_variables            = local.function_environment[each.key]

    # `latest` is looked up at each read of the file: a rotated secret needs no redeploy.
    dynamic "secret_volumes" {
      for_each = each.value.secrets
      content {
        project_id = var.project_id
        secret     = google_secret_manager_secret.secret[secret_volumes.value].secret_id
        mount_path = local.secret_mounts[secret_volumes.value]
        versions {
          version = "latest"
          path    = local.secret_file
        }
      }
    }
  }

  depends_on = [time_sleep.permissions, google_secret_manager_secret_version.unset]
}

# What a deployment needs: to act as the accounts, to read the source, to write the image, to read the secrets it mounts.
resource "time_sleep" "permissions" {
  create_duration = local.settling.permissions
  triggers = {
    members   = join(",", [for name in sort(keys(local.members)) : local.members[name] if name == "build" || endswith(name, "-function")])
    secrets   = join(",", sort(keys(local.secret_readers)))
    deployers = join(",", sort(var.deployers))
  }

  depends_on = [
    google_storage_bucket_iam_member.build,
    google_artifact_registry_repository_iam_member.build,
    google_project_iam_member.build_log,
    google_project_iam_member.build_source,
    google_secret_manager_secret_iam_member.function,
    google_service_account_iam_member.deployer,
  ]
}

# Customer.io calls the webhook without a Google identity: its signature is checked by the function. No other is public.
# Where the organisation refuses allUsers, the check of callers is switched off instead (output disable_invoker_check):
# invoker_iam_disabled is an argument of a Cloud Run service and not of a function.
resource "google_cloud_run_v2_service_iam_member" "public" {
  for_each = var.webhook_access == "invoker_check_disabled" ? {} : local.public_functions

  project  = var.project_id
  location = google_cloudfunctions2_function.function[each.key].location
  name     = google_cloudfunctions2_function.function[each.key].name
  role     = "roles/run.invoker"
  member   = "allUsers"

  # A function that is replaced has lost its bindings.
  lifecycle {
    replace_triggered_by = [google_cloudfunctions2_function.function[each.key].id]
  }
}
