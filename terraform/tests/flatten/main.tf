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
        { for key, slo in r.slos : "slo ${key}" => jsonencode([slo.request_based_sli, slo.windows_based_sli]) },
        { dashboard = r.dashboard.dashboard_json },
        ) : [
        for found in regexall("metric\\.type=\\\\+\"([^\\\\]+)\\\\+\"", text) : { environment = environment, by = by, metric = found[0] }
      ]
    ]
  ])
}

# What alerts.test.ts evaluates. Ids of SLOs are made up by the mocks, and read as their names.
output "monitoring" {
  description = "By environment: what its metrics count, and when its alerts and SLOs are at fault."
  value = {
    for environment, r in var.environments : environment => {
      project = r.dataset.project
      metrics = {
        for name, metric in r.metrics : "logging.googleapis.com/user/${metric.name}" => merge(
          { filter = metric.filter, labels = metric.label_extractors },
          metric.value_extractor == null ? {} : { value = metric.value_extractor },
        )
      }
      slos = {
        for name, slo in r.slos : name => merge(
          { goal = slo.goal },
          { for sli in slo.request_based_sli : "ratio" => {
            good = sli.good_total_ratio[0].good_service_filter
            bad  = sli.good_total_ratio[0].bad_service_filter
          } },
          { for sli in slo.windows_based_sli : "windows" => {
            period = sli.window_period
            sum_of = sli.metric_sum_in_range[0].time_series
            max    = sli.metric_sum_in_range[0].range[0].max
          } },
        )
      }
      alerts = {
        for name, alert in r.alerts : name => {
          severity = alert.severity
          combiner = alert.combiner
          runbook  = basename(alert.documentation[0].links[0].url)
          conditions = {
            for c in alert.conditions : c.display_name => merge(
              { for t in c.condition_threshold : "threshold" => merge(
                {
                  filter   = [for name, slo in r.slos : replace(t.filter, slo.id, name) if strcontains(t.filter, slo.id) || !startswith(t.filter, "select_slo")][0]
                  above    = t.threshold_value
                  duration = t.duration
                  missing  = t.evaluation_missing_data
                },
                { for a in t.aggregations : "aggregation" => {
                  aligner  = a.per_series_aligner
                  reducer  = a.cross_series_reducer
                  group_by = a.group_by_fields
                  period   = a.alignment_period
                } },
                t.denominator_filter == null ? {} : { denominator = t.denominator_filter },
              ) },
              { for l in c.condition_matched_log : "log" => { filter = l.filter, labels = l.label_extractors } },
              { for p in c.condition_prometheus_query_language : "promql" => { query = p.query } },
            )
          }
        }
      }
      exclusions = [for exclusion in values(r.exclusions) : exclusion.filter if !exclusion.disabled]
    }
  }
}

output "secret_data" {
  description = "Every place in the module's code that gives a secret a value, with single spaces."
  value = [
    for found in regexall("(secret_data\\w*)\\s*=\\s*([^\\s#]+)", join("\n", [
      for source in fileset("${path.module}/../..", "*.tf") : file("${path.module}/../../${source}")
    ])) : "${found[0]} = ${found[1]}"
  ]
}
