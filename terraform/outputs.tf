output "topics" {
  description = "Topics applications publish to and may subscribe to: full ids by name."
  value       = { for name, topic in google_pubsub_topic.topic : name => topic.id }
}

output "dead_letter_subscriptions" {
  description = "Pull subscriptions in which dead letters wait that failed, by the subscription they come from."
  value = {
    for name, s in local.sources : name => one([
      for own, d in local.failed_subscriptions : google_pubsub_subscription.subscription[own].id if d.topic == s.dead_letter_topic
    ])
  }
}

output "not_sent_subscriptions" {
  description = "Pull subscriptions in which dead letters wait that were not sent by decision (expired, cancelled, guarded), by the subscription they come from."
  value = {
    for name, s in local.sources : name => one([
      for own, d in local.not_sent_subscriptions : google_pubsub_subscription.subscription[own].id if d.topic == s.dead_letter_topic
    ]) if contains(values(local.not_sent_subscriptions)[*].topic, s.dead_letter_topic)
  }
}

output "webhook_url" {
  description = "Address to enter in Customer.io under Data & Integrations, Integrations, Reporting Webhooks."
  value       = one([for name in keys(local.public_functions) : google_cloudfunctions2_function.function[name].service_config[0].uri])
}

output "disable_invoker_check" {
  description = "Command to run once after the first apply where webhook_access is invoker_check_disabled; null otherwise. Whether an update of the function keeps the setting is not documented: `cio-gcp doctor` sees it."
  value = var.webhook_access != "invoker_check_disabled" ? null : one([
    for name in keys(local.public_functions) :
    "gcloud run services update ${local.names.functions[name]} --no-invoker-iam-check --region=${var.region} --project=${var.project_id}"
  ])
}

output "function_accounts" {
  description = "Service account of each function, by name."
  value       = { for name, account in google_service_account.function : name => account.email }
}

output "secrets" {
  description = "Ids of the secrets to fill after the first apply, by the variable they serve."
  value       = { for name, secret in google_secret_manager_secret.secret : name => secret.secret_id }
}

output "bundles" {
  description = "Hash of the bundle that each function runs, by name. The input `bundles` takes it, to come back to this deployment."
  value       = local.bundle_hash
}

output "dataset" {
  description = "BigQuery dataset, PROJECT.DATASET."
  value       = "${var.project_id}.${google_bigquery_dataset.warehouse.dataset_id}"
}

output "tables" {
  description = "Ids of the tables, by name. Who uses it comes after the tables."
  value       = { for name, table in google_bigquery_table.table : name => table.table_id }
}

output "monthly_cost_usd" {
  description = "Estimate of the monthly cost by item, from messages_per_month and the unverified list prices in cost/prices.yaml: see cost/README.md."
  value = merge(
    { for item, usd in module.cost.usd : item => floor(usd * 100 + 0.5) / 100 },
    { total = floor(sum(values(module.cost.usd)) * 100 + 0.5) / 100 },
  )
}

output "headroom" {
  description = "By function: messages per second on average and at most, how many times the average fits, and requests in flight at most."
  value = {
    for name, size in local.headroom : name => {
      mean_a_second  = floor(size.mean_a_second * 100 + 0.5) / 100
      most_a_second  = floor(size.most_a_second)
      times_the_mean = size.mean_a_second == 0 ? null : floor(size.most_a_second / size.mean_a_second)
      most_in_flight = size.most_in_flight
    }
  }
}

output "resources" {
  description = "Every resource that the tests make assertions on, as Terraform knows it, by type and name. Environments do not pass it on."
  value = {
    accounts          = merge(google_service_account.function, { for name, a in google_service_account.push : "push ${name}" => a }, { build = google_service_account.build })
    function_accounts = google_service_account.function
    push_accounts     = google_service_account.push
    pubsub_agent      = google_project_service_identity.pubsub.member
    topics            = google_pubsub_topic.topic
    subscriptions     = google_pubsub_subscription.subscription
    functions         = google_cloudfunctions2_function.function
    bundles           = { for name, f in google_cloudfunctions2_function.function : name => f.build_config[0].source[0].storage_source[0].object }
    kept_bundles      = [for object in google_storage_bucket_object.bundle : object.name if object.deletion_policy == "ABANDON"]
    secrets           = google_secret_manager_secret.secret
    secret_versions = {
      for name, version in google_secret_manager_secret_version.unset : name => {
        secret   = version.secret
        in_state = nonsensitive(try(version.secret_data != null, false))
      }
    }
    dataset         = google_bigquery_dataset.warehouse
    tables          = google_bigquery_table.table
    views           = google_bigquery_table.view
    table_functions = google_bigquery_routine.table_function
    ledger          = google_firestore_database.ledger
    backups         = google_firestore_backup_schedule.ledger
    audit           = google_project_iam_audit_config.secrets
    budgets         = google_billing_budget.project
    ledger_fields = merge(
      { ttl = google_firestore_field.ledger_ttl, default = google_firestore_field.ledger_default },
      google_firestore_field.ledger_indexed,
      google_firestore_field.ledger_lists,
    )
    metrics    = google_logging_metric.metric
    alerts     = merge(google_monitoring_alert_policy.alert, google_monitoring_alert_policy.burn)
    slos       = google_monitoring_slo.slo
    exclusions = { requests = google_logging_project_exclusion.requests, delivered = google_logging_project_exclusion.delivered }
    record     = { sink = google_logging_project_sink.record, grant = google_pubsub_topic_iam_member.record }
    probe_jobs = google_cloud_scheduler_job.probe
    names_jobs = google_cloud_scheduler_job.names
    dashboard  = google_monitoring_dashboard.pipeline
    topic_grants = merge(
      { for key, grant in google_pubsub_topic_iam_member.publisher : "publisher ${key}" => grant },
      { for key, grant in google_pubsub_topic_iam_member.function : "function ${key}" => grant },
      { for key, grant in google_pubsub_topic_iam_member.bulk_lane_function : "bulk lane by function ${key}" => grant },
      { for key, grant in google_pubsub_topic_iam_member.dead_letter_function : "dead letter by function ${key}" => grant },
      { for key, grant in google_pubsub_topic_iam_member.dead_letter_agent : "dead letter by Pub/Sub ${key}" => grant },
      { for key, grant in google_pubsub_topic_iam_member.operator : "operator ${key}" => grant },
      { for key, grant in google_pubsub_topic_iam_member.probe : "probe ${key}" => grant },
      { record = google_pubsub_topic_iam_member.record, secret_rotation = google_pubsub_topic_iam_member.secret_rotation, scheduler = google_pubsub_topic_iam_member.scheduler },
    )
    subscription_grants = merge(
      { for key, grant in google_pubsub_subscription_iam_member.dead_letter_agent : "dead letter by Pub/Sub ${key}" => grant },
      { for key, grant in google_pubsub_subscription_iam_member.operator : "operator ${key}" => grant },
      { for key, grant in google_pubsub_subscription_iam_member.pauser : "pauser ${key}" => grant },
    )
    service_grants = merge(
      { for key, grant in google_cloud_run_v2_service_iam_member.push : "push ${key}" => grant },
      { for key, grant in google_cloud_run_v2_service_iam_member.public : "public ${key}" => grant },
    )
    secret_grants = merge(
      { for key, grant in google_secret_manager_secret_iam_member.function : "function ${key}" => grant },
      { for key, grant in google_secret_manager_secret_iam_member.operator : "operator ${key}" => grant },
    )
    table_grants = merge(
      { for key, grant in google_bigquery_table_iam_member.pubsub : "Pub/Sub ${key}" => grant },
      { for key, grant in google_bigquery_table_iam_member.writer : "writer ${key}" => grant },
      { for key, grant in google_bigquery_table_iam_member.probe : "probe ${key}" => grant },
      { for key, grant in google_bigquery_table_iam_member.probe_view : "probe view ${key}" => grant },
      { for key, grant in google_bigquery_table_iam_member.names : "names ${key}" => grant },
    )
    account_grants = merge(
      { for key, grant in google_service_account_iam_member.push_token : "push ${key}" => grant },
      { for key, grant in google_service_account_iam_member.deployer : "deployer ${key}" => grant },
      { for key, grant in google_service_account_iam_member.resumer : "resumer ${key}" => grant },
    )
    project_grants = merge(
      { for key, grant in google_project_iam_member.ledger : "ledger ${key}" => grant },
      { for key, grant in google_project_iam_member.operator_ledger : "ledger ${key}" => grant },
      { for key, grant in google_project_iam_member.access : "access ${key}" => grant },
      { for key, grant in google_project_iam_member.probe_query : "probe ${key}" => grant },
      { build_log = google_project_iam_member.build_log, build_source = google_project_iam_member.build_source },
    )
    build_grants = {
      bucket     = google_storage_bucket_iam_member.build
      repository = google_artifact_registry_repository_iam_member.build
    }
  }
}
