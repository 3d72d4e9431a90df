# The pipeline with the values of this environment, which stand in values.yaml. Equal in all environments.

locals {
  values = yamldecode(file("${path.module}/values.yaml"))
}

variable "bundle_dir" {
  description = "Where `npm run build` has put the functions' bundles. dist in the project's folder if null."
  type        = string
  default     = null
}

variable "bundles" {
  description = "Bundles to go back to, by function: see `bundles` of the module."
  type        = map(string)
  default     = {}
}

module "pipeline" {
  source = "../.."

  pipeline   = yamldecode(file("${path.module}/../../pipeline.yaml"))
  bundle_dir = coalesce(var.bundle_dir, "${path.module}/../../../dist")
  bundles    = var.bundles

  environment                      = local.values.environment
  project_id                       = local.values.project_id
  name_prefix                      = local.values.name_prefix
  region                           = local.values.region
  bigquery_location                = local.values.bigquery_location
  firestore_location               = local.values.firestore_location
  labels                           = local.values.labels
  production                       = local.values.production
  recipients                       = local.values.recipients
  customerio_region                = local.values.customerio_region
  customerio_requests_per_second   = local.values.customerio_requests_per_second
  log_level                        = local.values.log_level
  min_instances                    = local.values.min_instances
  webhook_access                   = local.values.webhook_access
  publishers                       = local.values.publishers
  deployers                        = local.values.deployers
  readers                          = local.values.readers
  operators                        = local.values.operators
  ledger_backup_days               = local.values.ledger_backup_days
  budget                           = local.values.budget
  webhook_events_expiration_days   = local.values.webhook_events_expiration_days
  message_outcomes_expiration_days = local.values.message_outcomes_expiration_days
  deletion_protection              = local.values.deletion_protection
  notification_channels            = local.values.notification_channels
  existing_notification_channels   = local.values.existing_notification_channels
  runbook_url                      = local.values.runbook_url
  alert_thresholds                 = local.values.alert_thresholds
  webhook_silence_hours            = local.values.webhook_silence_hours
  customerio_webhook_addresses     = local.values.customerio_webhook_addresses
  request_log_share                = local.values.request_log_share
  delivered_log_share              = local.values.delivered_log_share
  slo_goals                        = local.values.slo_goals
  messages_per_month               = local.values.messages_per_month
  probe                            = local.values.probe
}

output "webhook_url" {
  description = "Address to enter in Customer.io under Data & Integrations, Integrations, Reporting Webhooks."
  value       = module.pipeline.webhook_url
}

output "disable_invoker_check" {
  description = "Command to run after the first apply where webhook_access is invoker_check_disabled; null otherwise."
  value       = module.pipeline.disable_invoker_check
}

output "topics" {
  description = "Topics to publish to: full ids by name."
  value       = module.pipeline.topics
}

output "dead_letter_subscriptions" {
  description = "Where dead letters wait that failed, by the subscription they come from."
  value       = module.pipeline.dead_letter_subscriptions
}

output "not_sent_subscriptions" {
  description = "Where dead letters wait that were not sent by decision: expired, cancelled, guarded."
  value       = module.pipeline.not_sent_subscriptions
}

output "secrets" {
  description = "Secrets to fill after the first apply."
  value       = module.pipeline.secrets
}

output "bundles" {
  description = "Bundles that run now, for -var bundles=… on the way back."
  value       = module.pipeline.bundles
}

output "monthly_cost_usd" {
  description = "Estimate of the monthly cost by item."
  value       = module.pipeline.monthly_cost_usd
}

output "headroom" {
  description = "How far each function is from its limits."
  value       = module.pipeline.headroom
}
