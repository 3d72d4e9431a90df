# What pipeline.yaml says, with types, and the relations within it that would break a deployment.

variable "pipeline" {
  description = "The content of pipeline.yaml: topics, subscriptions, secrets, functions, ledger, BigQuery tables and views."
  nullable    = false

  type = object({
    topics = map(object({ retention_days = optional(number, 0) }))
    subscriptions = map(object({
      topic                   = string
      push                    = optional(string)
      bigquery                = optional(string)
      transform               = optional(object({ file = string, function = string }))
      ordered                 = optional(bool, false)
      filter                  = optional(string)
      ack_deadline_seconds    = number
      retention_seconds       = number
      minimum_backoff_seconds = optional(number)
      maximum_backoff_seconds = optional(number)
      dead_letter_topic       = optional(string)
      max_delivery_attempts   = optional(number)
    }))
    secrets = map(object({ id = string, is_credential = optional(bool, true) }))
    secret_rotation = object({
      topic       = string
      period_days = number
    })
    record = object({
      topic  = string
      filter = string
    })
    probe = object({
      topic          = string
      schedule       = string
      names_schedule = string
    })
    customerio = object({
      headroom                = number
      broadcasts_per_second   = number
      app_requests_per_second = number
      reserved_app_shares     = map(number)
    })
    functions = map(object({
      entry_point          = string
      memory               = string
      cpu                  = string
      concurrency          = number
      min_instances        = number
      max_instances        = number
      timeout_seconds      = number
      longest_push_seconds = optional(number)
      ingress              = string
      rate_share           = optional(number)
      broadcast_share      = optional(number)
      look_up_share        = optional(number)
      secrets              = optional(list(string), [])
      publishes            = optional(string)
      moves_floods         = optional(bool, false)
      warehouse            = optional(bool, false)
      ledger               = optional(bool, false)
      probes               = optional(list(string), [])
      environment          = optional(map(string), {})
      bundle               = optional(string)
      bulk_lane = optional(object({
        part          = number
        min_instances = optional(number, 0)
        max_instances = optional(number)
      }))
    }))
    ledger = object({
      database       = string
      collection     = string
      ttl_field      = string
      ttl_days       = number
      indexed_fields = list(string)
      indexed_lists  = list(string)
    })
    bigquery = object({
      dataset = string
      tables = map(object({
        schema          = string
        partition_field = string
        partition_type  = string
        clustering      = list(string)
      }))
      views = map(object({ query = string }))
      table_functions = map(object({
        query     = string
        view      = string
        over      = string
        arguments = list(object({ name = string, type = string }))
      }))
    })
  })

  # ---- names that must lead somewhere ------------------------------------------------------------

  validation {
    condition     = alltrue([for s in values(var.pipeline.subscriptions) : contains(keys(var.pipeline.topics), s.topic)])
    error_message = "A subscription names a topic that is not under `topics` in pipeline.yaml. Add the topic or correct the name."
  }

  validation {
    condition = alltrue([
      for s in values(var.pipeline.subscriptions) :
      s.push == null ? true : contains(keys(var.pipeline.functions), s.push)
    ])
    error_message = "A subscription pushes to a function that is not under `functions` in pipeline.yaml. Add the function or correct `push`."
  }

  validation {
    condition = alltrue([
      for s in values(var.pipeline.subscriptions) :
      s.bigquery == null ? s.transform == null : s.push == null && contains(keys(var.pipeline.bigquery.tables), s.bigquery)
    ])
    error_message = "`bigquery` of a subscription names a table that is not under `bigquery.tables` in pipeline.yaml, or stands beside `push`; or `transform` stands without it. A subscription delivers to one of the two."
  }

  validation {
    condition = alltrue([
      for s in values(var.pipeline.subscriptions) :
      (s.push == null && s.bigquery == null) || s.topic == var.pipeline.probe.topic || (s.dead_letter_topic != null && s.max_delivery_attempts != null)
    ])
    error_message = "A subscription with `push` or `bigquery` needs `dead_letter_topic` and `max_delivery_attempts`, or a message that fails is delivered until its retention ends, and then lost."
  }

  validation {
    condition = alltrue([
      for s in values(var.pipeline.subscriptions) : s.dead_letter_topic == null ? true : anytrue([
        for own in values(var.pipeline.subscriptions) : own.topic == s.dead_letter_topic && own.push == null && own.bigquery == null
      ])
    ])
    error_message = "A dead-letter topic has no pull subscription of its own, so dead letters would vanish. Add one to `subscriptions`."
  }

  validation {
    condition = alltrue([
      for pushed in values({ for s in values(var.pipeline.subscriptions) : s.push => s... if s.push != null }) : length(distinct([
        for s in pushed : [s.topic, s.ordered, s.ack_deadline_seconds, s.dead_letter_topic, s.max_delivery_attempts]
      ])) == 1
    ])
    error_message = "Subscriptions that push to one function differ in `topic`, `ordered`, `ack_deadline_seconds`, `dead_letter_topic` or `max_delivery_attempts`: the function is told one of each. Make them equal, or give each its own function."
  }

  validation {
    condition = alltrue([
      for sources in values({ for s in values(var.pipeline.subscriptions) : s.dead_letter_topic => s.topic... if s.dead_letter_topic != null }) :
      length(distinct(sources)) == 1
    ])
    error_message = "Subscriptions of two topics share a `dead_letter_topic`: a dead letter could not be replayed to where it came from. Give each topic its own."
  }

  validation {
    condition = alltrue([
      for filters in values({
        for s in values(var.pipeline.subscriptions) : s.topic => coalesce(s.filter, "none")...
        if contains(values(var.pipeline.subscriptions)[*].dead_letter_topic, s.topic) && s.push == null && s.bigquery == null
      }) : tolist(filters) == tolist(["none"]) || tolist(sort(filters)) == tolist([local.dead_letters.failed, local.dead_letters.not_sent])
    ])
    error_message = "A dead-letter topic has one pull subscription without a filter, or two, with the filters that `identify-dead-letter` and `identify-not-sent` have: with others, a dead letter would be in none of them, or in both."
  }

  # ---- two lanes ---------------------------------------------------------------------------------

  validation {
    condition = alltrue([
      for filters in values({ for s in values(var.pipeline.subscriptions) : s.push => coalesce(s.filter, "none")... if s.push != null }) :
      length(filters) == 1 || tolist(sort(filters)) == tolist([local.lanes.others, local.lanes.bulk])
    ])
    error_message = "Two subscriptions push to one function without parting their messages, so it would get some twice. Give one the filter `NOT attributes.lane = \"bulk\"` and the other `attributes.lane = \"bulk\"`."
  }

  validation {
    condition = alltrue([
      for filters in values({ for s in values(var.pipeline.subscriptions) : s.topic => coalesce(s.filter, "none")... if s.push != null }) :
      length([for f in filters : f if f == local.lanes.bulk]) == length([for f in filters : f if f == local.lanes.others])
    ])
    error_message = "A topic has a push subscription for one lane and none for the other, whose messages nobody would get. It needs two: `NOT attributes.lane = \"bulk\"` and `attributes.lane = \"bulk\"`."
  }

  validation {
    condition = alltrue([
      for name, f in var.pipeline.functions : contains([for s in values(var.pipeline.subscriptions) : s.filter if s.push == name], local.lanes.bulk)
      if f.moves_floods
    ])
    error_message = "A function with `moves_floods` has no push subscription for the bulk lane, `attributes.lane = \"bulk\"`: what it moves would come back to it in the same lane."
  }

  validation {
    condition = alltrue([
      for name, f in var.pipeline.functions : contains([for s in values(var.pipeline.subscriptions) : s.filter if s.push == name], local.lanes.bulk)
      if f.bulk_lane != null
    ])
    error_message = "A function with `bulk_lane` has no push subscription for the bulk lane, `attributes.lane = \"bulk\"`: the lane's function would get nothing. Add the subscription or leave `bulk_lane` out."
  }

  validation {
    condition = alltrue([
      for name, f in var.pipeline.functions : f.bulk_lane.part > 0 && f.bulk_lane.part < 1 && length(name) <= 16
      && coalesce(f.bulk_lane.max_instances, f.max_instances) >= max(1, f.bulk_lane.min_instances)
      && !contains(keys(var.pipeline.functions), "${name}-bulk")
      if f.bulk_lane != null
    ])
    error_message = "`bulk_lane.part` is the part of a function's shares that its bulk lane takes away, between 0 and 1. Its `max_instances` is 1 or more and at least its `min_instances`; the function's name has at most 16 characters, and none is called `<name>-bulk`."
  }

  validation {
    condition = alltrue(flatten([
      for f in values(var.pipeline.functions) : [for name in f.secrets : contains(keys(var.pipeline.secrets), name)]
    ]))
    error_message = "A function lists a secret that is not under `secrets` in pipeline.yaml. Add the secret or correct the name."
  }

  validation {
    condition = alltrue([
      for topic in concat(
        [var.pipeline.secret_rotation.topic, var.pipeline.probe.topic, var.pipeline.record.topic],
        [for f in values(var.pipeline.functions) : f.publishes if f.publishes != null],
        flatten(values(var.pipeline.functions)[*].probes),
      ) : contains(keys(var.pipeline.topics), topic)
    ])
    error_message = "`publishes` or `probes` of a function, `secret_rotation.topic`, `probe.topic` or `record.topic` names a topic that is not under `topics` in pipeline.yaml."
  }

  validation {
    condition = alltrue([
      for file in concat(
        [for table in values(var.pipeline.bigquery.tables) : table.schema],
        [for view in values(var.pipeline.bigquery.views) : view.query],
        [for function in values(var.pipeline.bigquery.table_functions) : function.query],
        [for s in values(var.pipeline.subscriptions) : s.transform.file if s.transform != null],
      ) : fileexists("${path.module}/${file}") || try(fileexists("${var.pipeline_dir}/${file}"), false)
    ])
    error_message = "A table's `schema`, the `query` of a view or table function or the `transform.file` of a subscription names a file that does not exist. Paths are relative to `pipeline_dir`, then to the module."
  }

  validation {
    condition = alltrue([
      for function in values(var.pipeline.bigquery.table_functions) :
      contains(keys(var.pipeline.bigquery.views), function.view) && contains(keys(var.pipeline.bigquery.tables), function.over)
    ])
    error_message = "`view` or `over` of a table function names no view or table under `bigquery` in pipeline.yaml."
  }

  validation {
    condition     = var.pipeline_dir != null || alltrue([for f in values(var.pipeline.functions) : f.bundle == null])
    error_message = "A function has a `bundle`, but no `pipeline_dir` says where it is. Give the folder of your pipeline.yaml."
  }

  validation {
    condition     = length([for f in values(var.pipeline.functions) : f if f.warehouse]) == 1
    error_message = "Exactly one function has `warehouse: true`: the tables have one writer."
  }

  validation {
    condition     = length([for f in values(var.pipeline.functions) : f if length(f.probes) > 0]) <= 1
    error_message = "At most one function has `probes`: two would share the one synthetic person and the one alert."
  }

  validation {
    condition     = length([for f in values(var.pipeline.functions) : f if f.ingress == "all"]) == 1
    error_message = "Exactly one function has `ingress: all`, the webhook: nothing else is called from outside Google Cloud."
  }

  # ---- limits of the platform --------------------------------------------------------------------

  validation {
    condition = alltrue([
      for s in values(var.pipeline.subscriptions) :
      s.ack_deadline_seconds >= 10 && s.ack_deadline_seconds <= 600 && s.retention_seconds >= 600 && s.retention_seconds <= 2678400
    ])
    error_message = "Pub/Sub takes an `ack_deadline_seconds` of 10 to 600 and a `retention_seconds` of 600 to 2678400 (31 days)."
  }

  validation {
    condition     = alltrue([for t in values(var.pipeline.topics) : t.retention_days == 0 || (t.retention_days >= 1 && t.retention_days <= 31)])
    error_message = "`retention_days` of a topic is 1 to 31, or is left out: then the topic keeps nothing, and `cio-gcp replay` finds nothing."
  }

  validation {
    condition = alltrue([
      for s in values(var.pipeline.subscriptions) :
      s.max_delivery_attempts == null ? true : s.max_delivery_attempts >= 5 && s.max_delivery_attempts <= 100
    ])
    error_message = "Pub/Sub takes `max_delivery_attempts` of 5 to 100."
  }

  validation {
    condition = alltrue([
      for f in values(var.pipeline.functions) : can(regex("^[0-9]+(Mi|Gi)$", f.memory)) && can(regex("^[0-9.]+$", f.cpu))
    ])
    error_message = "Write a function's `memory` as whole Mi or Gi, such as 512Mi or 1Gi, and its `cpu` as a number in quotes, such as \"1\"."
  }

  validation {
    condition     = alltrue([for f in values(var.pipeline.functions) : contains(["internal", "all"], f.ingress)])
    error_message = "A function's `ingress` is `internal`, or `all` for one that is called from outside Google Cloud."
  }

  validation {
    condition = alltrue([
      for name in keys(var.pipeline.functions) : can(regex("^[a-z]([-a-z0-9]{0,19}[a-z0-9])?$", name))
    ])
    error_message = "A function's name has at most 21 of a-z, 0-9 and -, so that its service account `<name>-function` stays within 30 characters."
  }

  validation {
    condition = alltrue([
      for name, s in var.pipeline.subscriptions :
      s.push == null ? true : can(regex("^[a-z]([-a-z0-9]{0,23}[a-z0-9])?$", name))
    ])
    error_message = "A push subscription's name has at most 25 of a-z, 0-9 and -, so that its service account `<name>-push` stays within 30 characters."
  }

  # ---- relations between values ------------------------------------------------------------------

  validation {
    condition = alltrue([
      for s in values(var.pipeline.subscriptions) :
      try(var.pipeline.functions[s.push].timeout_seconds <= s.ack_deadline_seconds, true)
    ])
    error_message = "A function's `timeout_seconds` is above the `ack_deadline_seconds` of its subscription: Pub/Sub would deliver again while it still works. Lower the timeout or raise the deadline."
  }

  validation {
    condition = alltrue([
      for s in values(var.pipeline.subscriptions) :
      s.push == null ? true : try(var.pipeline.functions[s.push].longest_push_seconds <= min(
        s.ack_deadline_seconds, var.pipeline.functions[s.push].timeout_seconds
      ), !contains(keys(var.pipeline.functions), s.push))
    ])
    error_message = "A function that is pushed to needs a `longest_push_seconds`, at most the `ack_deadline_seconds` of its subscription and its own `timeout_seconds`: a push that is answered later is delivered again. Raise the deadline, or lower the function's waits (shared/config/README.md)."
  }

  validation {
    condition = alltrue([
      for f in values(var.pipeline.functions) : f.concurrency == 1 || try(tonumber(f.cpu), 1) >= 1
    ])
    error_message = "A function with `concurrency` above 1 needs a `cpu` of \"1\" or more. Raise the cpu or set concurrency to 1."
  }

  validation {
    # 20 bytes for two bodies: MEMORY_PER_BODY_BYTE in shared/config/memory.ts. A function that anyone can call reads up to
    # WEBHOOK_MAX_BODY_BYTES; no push of Pub/Sub is larger than 14.2 MB.
    condition = alltrue([
      for f in values(var.pipeline.functions) : try(
        (tonumber(regex("^[0-9]+", f.memory)) * (endswith(f.memory, "Gi") ? 1024 : 1) - local.base_memory_mib) * 1048576
        >= 20 * (f.ingress == "all" ? tonumber(lookup(f.environment, "WEBHOOK_MAX_BODY_BYTES", "20971520")) : 14200000),
        true
      )
    ])
    error_message = "A function's `memory`, less the 256 MiB that it takes without requests, does not hold two of the largest bodies it reads: 284 MB for a push, 20 x WEBHOOK_MAX_BODY_BYTES for the webhook. Raise the memory."
  }

  validation {
    condition     = alltrue([for f in values(var.pipeline.functions) : f.min_instances <= f.max_instances])
    error_message = "A function's `min_instances` is above its `max_instances`."
  }

  validation {
    condition     = sum(concat([0], [for f in values(var.pipeline.functions) : f.rate_share if f.rate_share != null])) <= 1.000001
    error_message = "The `rate_share` of all functions add up to more than 1: together they could exceed Customer.io's limit for the account. Lower a share."
  }

  validation {
    condition     = sum(concat([0], [for f in values(var.pipeline.functions) : f.broadcast_share if f.broadcast_share != null])) <= 1.000001
    error_message = "The `broadcast_share` of all functions add up to more than 1: together they could exceed Customer.io's limit for broadcasts. Lower a share."
  }

  validation {
    condition = sum(concat(
      [0], values(var.pipeline.customerio.reserved_app_shares),
      [for f in values(var.pipeline.functions) : f.look_up_share if f.look_up_share != null],
    )) <= 1.000001
    error_message = "The `look_up_share` of all functions and `customerio.reserved_app_shares` add up to more than 1: together they could exceed Customer.io's limit for the App API. Lower a share."
  }

  validation {
    condition = alltrue([for share in concat(
      values(var.pipeline.customerio.reserved_app_shares),
      flatten([for f in values(var.pipeline.functions) : [for share in [f.rate_share, f.broadcast_share, f.look_up_share] : share if share != null]]),
    ) : share > 0])
    error_message = "A share is a part of 1 above 0. Leave it out for a function that has none."
  }

  validation {
    condition     = alltrue([for f in values(var.pipeline.functions) : !f.ledger || (f.broadcast_share != null && f.look_up_share != null)])
    error_message = "A function with `ledger: true` sends: it needs a `broadcast_share` and a `look_up_share`."
  }

  validation {
    condition     = var.pipeline.customerio.headroom >= 0.5 && var.pipeline.customerio.headroom <= 1
    error_message = "`customerio.headroom` is the part of Customer.io's limits that is shared out, from 0.5 (a new revision with all its instances beside the old one stays within them) to 1 (no reserve). 0.8 is usual."
  }

  validation {
    condition     = var.pipeline.customerio.broadcasts_per_second > 0 && var.pipeline.customerio.app_requests_per_second > 0
    error_message = "Give Customer.io's limits per second, above 0: it documents 0.1 broadcasts and 10 other requests to the App API."
  }

  validation {
    condition = alltrue([
      for s in values(var.pipeline.subscriptions) :
      try(var.pipeline.functions[s.push].ledger, false) ? (
        var.pipeline.ledger.ttl_days * 86400 > var.pipeline.topics[s.topic].retention_days * 86400 + s.retention_seconds + max(0, [
          for own in values(var.pipeline.subscriptions) : own.retention_seconds if own.topic == s.dead_letter_topic
        ]...)
      ) : true
    ])
    error_message = "`ledger.ttl_days` must exceed the retention of topic, subscription and dead letters together: a replayed message must still meet its record, or it is sent twice. Raise ttl_days."
  }
}

variable "pipeline_dir" {
  description = "Folder of a pipeline.yaml of your own. The files that it names (`schema` of a table, `query` of a view, `bundle` of a function) are looked for there, then in the module."
  type        = string
  default     = null

  validation {
    condition     = var.pipeline_dir == null ? true : !endswith(var.pipeline_dir, "/") && length(fileset(var.pipeline_dir, "*.yaml")) > 0
    error_message = "Give the folder that holds your pipeline.yaml, without a slash at its end: path.module."
  }
}

locals {
  # Where each file of pipeline.yaml is: your own goes before the module's.
  files = {
    for file in distinct(concat(
      [for table in values(var.pipeline.bigquery.tables) : table.schema],
      [for view in values(var.pipeline.bigquery.views) : view.query],
      [for function in values(var.pipeline.bigquery.table_functions) : function.query],
      [for s in values(var.pipeline.subscriptions) : s.transform.file if s.transform != null],
    )) : file => try(fileexists("${var.pipeline_dir}/${file}"), false) ? "${var.pipeline_dir}/${file}" : "${path.module}/${file}"
  }
  bundle_folders = {
    for name, f in var.pipeline.functions : name => f.bundle == null ? "${var.bundle_dir}/${name}" : "${var.pipeline_dir}/${f.bundle}"
  }

  # What a process takes without a request: 150 MiB measured (scripts/chaos/memory.ts), and room for its bookkeeping of
  # connections and messages. The rest is for bodies of requests.
  base_memory_mib = 256

  # The two filters that part a topic. Whatever a message has as its lane, one of them lets it through.
  lanes = { others = "NOT attributes.lane = \"bulk\"", bulk = "attributes.lane = \"bulk\"" }

  # The two filters that part dead letters: what failed, which the alerts watch, and what was not sent because somebody
  # decided so (shared/outcome). What Pub/Sub forwarded by itself has no reason, and failed.
  dead_letters = { failed = "NOT (${local.not_sent})", not_sent = local.not_sent }
  not_sent     = join(" OR ", [for reason in ["guarded", "expired", "cancelled"] : "attributes.reason = \"${reason}\""])

  # Subscriptions that push, and what each function gets from those that push to it, which agree on it.
  push_subscriptions      = { for name, s in local.subscriptions : name => s if s.push != null }
  subscription_of         = { for function, all in { for s in values(local.push_subscriptions) : s.push => s... } : function => all[0] }
  dead_letter_topic_names = toset([for s in values(local.sources) : s.dead_letter_topic])

  # Those that write into a table, without a function.
  table_subscriptions = { for name, s in local.subscriptions : name => s if s.bigquery != null }

  # All of both but the probe's, whose messages are worth nothing later.
  sources = { for name, s in merge(local.push_subscriptions, local.table_subscriptions) : name => s if s.dead_letter_topic != null }

  dead_letter_subscriptions = {
    for name, s in var.pipeline.subscriptions : name => s
    if contains([for source in values(local.sources) : source.dead_letter_topic], s.topic)
  }
  failed_subscriptions   = { for name, s in local.dead_letter_subscriptions : name => s if s.filter != local.dead_letters.not_sent }
  not_sent_subscriptions = { for name, s in local.dead_letter_subscriptions : name => s if s.filter == local.dead_letters.not_sent }

  warehouse_function = one([for name, f in var.pipeline.functions : name if f.warehouse])

  probe_functions = { for name, f in var.pipeline.functions : name => f if length(f.probes) > 0 }

  public_functions = { for name, f in var.pipeline.functions : name => f if f.ingress == "all" }

  # With a prefix also whose it is: bills can be told apart.
  labels = merge(
    var.labels, { application = "customerio", environment = var.environment },
    var.name_prefix == "" ? {} : { pipeline = trimsuffix(var.name_prefix, "-") },
  )
}
