# What the pipeline costs per month, by the model in cost/, and how far it is from its limits: from messages_per_month and the
# values in use.

locals {
  month_seconds = 30 * 86400

  # The warehouse handles what the webhook publishes, unless told otherwise.
  messages = {
    for name, f in local.functions : name => lookup(
      var.messages_per_month, name, f.warehouse ? sum(concat([0], [for other, w in local.functions : lookup(var.messages_per_month, other, 0) if w.publishes != null])) : 0
    )
  }

  # Kinds of functions, as the model names them.
  kinds = {
    for name, f in local.functions : name => toset(compact([
      f.rate_share != null ? "deliver" : "", f.ledger ? "send" : "", f.publishes != null ? "receive" : "", f.warehouse ? "store" : "",
    ]))
  }

  headroom = {
    for name, f in local.functions : name => {
      mean_a_second  = local.messages[name] / local.month_seconds
      most_in_flight = f.max_instances * f.concurrency
      # Messages per second at which something gives way: our share of Customer.io's limit, or the instances.
      most_a_second = min(
        f.max_instances * f.concurrency / lookup(module.cost.held_seconds, name, 1),
        f.rate_share == null ? 1000000000 : (
          var.customerio_requests_per_second * var.pipeline.customerio.headroom * f.rate_share * (f.ledger ? 1 : 100) # a full batch
        ),
      )
    }
  }
}

module "cost" {
  source = "./cost"

  functions = {
    for name, f in local.functions : name => {
      kinds = local.kinds[name]
      vcpu  = tonumber(f.cpu)
      gib   = tonumber(regex("^[0-9]+", f.memory)) / (endswith(f.memory, "Gi") ? 1 : 1024)
      # Of its topic: a filter's subscription is charged for what it leaves out, also where each lane has its own function.
      subscriptions = length([for s in values(local.push_subscriptions) : s if s.topic == try(local.subscription_of[name].topic, null)])
      secrets       = sum(concat([0], [for secret in f.secrets : var.pipeline.secrets[secret].is_credential ? 1 : 3])) # reads per minute
      warm          = lookup(var.min_instances, name, f.min_instances)
    }
  }
  messages_per_month = local.messages
  environment = {
    secret_versions  = length(var.pipeline.secrets)
    alert_conditions = sum([for alert in values(local.alerts) : length(alert.conditions)]) + 2 * length(local.burn_alerts) # a long window and a short one
    log_metrics      = length(google_logging_metric.metric)
    probe            = length(google_cloud_scheduler_job.probe)
  }
  options = {
    request_log_share   = var.request_log_share
    delivered_log_share = var.delivered_log_share
    outcomes            = "bigquery_subscription" # record.tf
    outcome_months      = min(12, coalesce(var.message_outcomes_expiration_days, 360) / 30)
    retained_months     = max([for t in values(var.pipeline.topics) : t.retention_days]...) / 30
    backup_copies       = var.ledger_backup_days
    point_in_time       = var.ledger_backup_days > 0 ? 1 : 0
  }
}
