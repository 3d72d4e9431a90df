# Multiplies model.yaml with prices.yaml, for the functions and messages it is given. No resources, no providers.

variable "functions" {
  description = "By name: its kinds in model.yaml, its size, how many subscriptions push to it, how often per minute it reads a secret, and how many instances are kept warm."
  type = map(object({
    kinds         = set(string)
    vcpu          = number
    gib           = number
    subscriptions = number
    secrets       = number
    warm          = number
  }))
}

variable "messages_per_month" {
  description = "Messages that each function handles in a month of 30 days."
  type        = map(number)
}

variable "environment" {
  description = "What an environment has once."
  type = object({
    secret_versions  = number
    alert_conditions = number
    log_metrics      = number
    probe            = number
  })
}

variable "options" {
  description = "Values for `options` of model.yaml. What is left out is as it says there."
  type = object({
    request_log_share   = optional(number)
    delivered_log_share = optional(number)
    backup_copies       = optional(number)
    point_in_time       = optional(number)
    outcome_months      = optional(number)
    retained_months     = optional(number)
    outcomes            = optional(string)
  })
  default = {}
}

locals {
  model   = yamldecode(file("${path.module}/model.yaml"))
  prices  = yamldecode(file("${path.module}/prices.yaml")).prices
  given   = local.model.assumptions
  options = merge(local.model.options, { for name, value in var.options : name => value if value != null })
  factor  = merge(local.given, local.options, var.environment)

  month_seconds = 30 * 86400

  # Seconds in which a message is in flight: as if none shared an instance, or the instances that the CPU takes, all month.
  busy_seconds = {
    for name, f in var.functions : name => length(setintersection(f.kinds, keys(local.given.held_seconds))) == 0 ? 0 : one([
      for kind in setintersection(f.kinds, keys(local.given.held_seconds)) : min(
        var.messages_per_month[name] * local.given.held_seconds[kind],
        local.month_seconds * max(1, ceil(var.messages_per_month[name] / local.month_seconds * local.given.cpu_seconds[kind] / local.given.utilization)),
      )
    ])
  }

  counts = merge(
    {
      for name, f in var.functions : name => {
        kinds   = setunion(f.kinds, ["all"])
        message = var.messages_per_month[name]
        use     = var.messages_per_month[name] * (1 + f.subscriptions)
        customerio_request = contains(f.kinds, "send") ? var.messages_per_month[name] : (
          min(var.messages_per_month[name], local.month_seconds * local.given.batch_requests_per_second)
        )
        vcpu_second      = local.busy_seconds[name] * f.vcpu
        gib_second       = local.busy_seconds[name] * f.gib
        idle_vcpu_second = local.month_seconds * f.warm * f.vcpu
        idle_gib_second  = local.month_seconds * f.warm * f.gib
        secret_read      = local.busy_seconds[name] / 60 * f.secrets
      }
    },
    {
      "" = {
        kinds           = toset(["environment"])
        secret_version  = var.environment.secret_versions
        alert_condition = var.environment.alert_conditions
        log_metric      = var.environment.log_metrics
        probe           = var.environment.probe
      }
    },
  )

  dollars = {
    for item, lines in local.model.lines : item => sum(concat([0], [
      for line in lines : (
        sum(concat([0], [for counted in values(local.counts) : counted[line.per] if contains(counted.kinds, line.of)]))
        # A factor is a name or a number. Three are enough.
        * try(local.factor[line.times[0]], line.times[0], 1) * try(local.factor[line.times[1]], line.times[1], 1) * try(local.factor[line.times[2]], line.times[2], 1)
        * local.prices[line.price].usd / local.prices[line.price].unit
      ) if try(line.when, local.options.outcomes) == local.options.outcomes
    ]))
  }
}

output "usd" {
  description = "Dollars per month, by item."
  value       = local.dollars
}

output "held_seconds" {
  description = "Seconds that each function is assumed to hold a message."
  value = {
    for name, f in var.functions : name => one([for kind, seconds in local.given.held_seconds : seconds if contains(f.kinds, kind)])
    if length(setintersection(f.kinds, keys(local.given.held_seconds))) > 0
  }
}
