# What the environments have, as flat lists that know their environment, so that one assertion speaks for all of them.

variable "environments" {
  description = "The output `resources` of each environment, by name."
  type        = any
}

output "subscriptions" {
  description = "Every subscription."
  value = flatten([
    for environment, r in var.environments : [
      for s in values(r.subscriptions) : {
        environment       = environment
        name              = s.name
        topic             = s.topic
        pushes            = length(s.push_config) > 0
        dead_letter_topic = try(s.dead_letter_policy[0].dead_letter_topic, null)
        expires           = try(s.expiration_policy[0].ttl, "after 31 days") != ""
        retention         = s.message_retention_duration
      }
    ]
  ])
}

output "functions" {
  description = "Every function."
  value = flatten([
    for environment, r in var.environments : [for f in values(r.functions) : merge(f, { environment = environment })]
  ])
}

output "grants" {
  description = "Every permission the module gives: who has which role on what, with its condition if it has one."
  value = flatten([
    for environment, r in var.environments : [
      for grant in flatten([
        [for g in values(r.topic_grants) : { on = "topic ${basename(g.topic)}", role = g.role, member = g.member, condition = null }],
        # A subscription is bound by its name or its id, which the mocks make up.
        [for g in values(r.subscription_grants) : {
          on        = "subscription ${one([for s in values(r.subscriptions) : s.name if contains([s.name, s.id], g.subscription)])}"
          role      = g.role
          member    = g.member
          condition = null
        }],
        [for g in values(r.service_grants) : { on = "function ${g.name}", role = g.role, member = g.member, condition = null }],
        [for g in values(r.account_grants) : { on = "account ${basename(g.service_account_id)}", role = g.role, member = g.member, condition = null }],
        [for g in values(r.table_grants) : { on = "table ${g.table_id}", role = g.role, member = g.member, condition = null }],
        # A secret is bound by its id, which the mocks make up: look up whose it is.
        [for g in values(r.secret_grants) : {
          on        = "secret ${one([for s in values(r.secrets) : s.secret_id if s.id == g.secret_id])}"
          role      = g.role
          member    = g.member
          condition = null
        }],
        [for g in values(r.build_grants) : { on = "build", role = g.role, member = g.member, condition = null }],
        [for g in values(r.project_grants) : { on = "project", role = g.role, member = g.member, condition = try(g.condition[0].expression, null) }],
      ]) : merge(grant, { environment = environment })
    ]
  ])
}

# metric.type = "…" in whatever filters alerts, SLOs and the dashboard have.
output "metric_uses" {
  description = "Every use of a metric: by which alert, SLO or chart, and the metric's type."
  value = flatten([
    for environment, r in var.environments : [
      for by, text in merge(
        { for key, alert in r.alerts : "alert ${key}" => jsonencode(alert.conditions) },
        { for key, slo in r.slos : "slo ${key}" => jsonencode(slo.request_based_sli) },
        { dashboard = r.dashboard.dashboard_json },
        ) : [
        for found in regexall("metric\\.type=\\\\+\"([^\\\\]+)\\\\+\"", text) : { environment = environment, by = by, metric = found[0] }
      ]
    ]
  ])
}

output "secret_data" {
  description = "Every place in the module's code that gives a secret a value, with single spaces."
  value = [
    for found in regexall("(secret_data\\w*)\\s*=\\s*([^\\s#]+)", join("\n", [
      for source in fileset("${path.module}/../..", "*.tf") : file("${path.module}/../../${source}")
    ])) : "${found[0]} = ${found[1]}"
  ]
}
