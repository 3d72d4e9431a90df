# What the pipeline costs per month and how far it is from its limits, from messages_per_month and the values in use.
# An estimate to compare and to plan with, from list prices that cost/prices.yaml names with their sources. Left out,
# since small or not known: egress to Customer.io, images and bundles, metrics, alerts, queries of BigQuery.

locals {
  price = { for name, price in yamldecode(file("${path.module}/cost/prices.yaml")).prices : name => price.usd }
  given = yamldecode(file("${path.module}/cost/prices.yaml")).assumptions

  gib           = 1073741824
  month_seconds = 30 * 86400

  # The warehouse handles what the webhook publishes, unless told otherwise.
  messages = {
    for name in keys(var.pipeline.functions) : name => lookup(
      var.messages_per_month, name, name == "warehouse" ? lookup(var.messages_per_month, "webhook", 0) : 0
    )
  }

  # What one message is and takes: a webhook's for the function that receives it and the one that stores it.
  work = {
    for name, f in var.pipeline.functions : name => f.publishes != null || f.warehouse ? {
      bytes   = max(1000, local.given.bytes_per_webhook)
      seconds = local.given.seconds_per_webhook
      } : {
      bytes   = max(1000, local.given.bytes_per_message)
      seconds = local.given.seconds_per_message
    }
  }

  sizing = {
    for name, f in var.pipeline.functions : name => {
      gib            = tonumber(regex("^[0-9]+", f.memory)) / (endswith(f.memory, "Gi") ? 1 : 1024)
      vcpu           = tonumber(f.cpu)
      bytes          = local.work[name].bytes
      warm           = lookup(var.min_instances, name, f.min_instances)
      mean_a_second  = local.messages[name] / local.month_seconds
      busy_seconds   = min(f.max_instances * local.month_seconds, local.messages[name] * local.work[name].seconds)
      most_in_flight = f.max_instances * f.concurrency
      # Messages a second at which something gives way: our share of Customer.io's limit, or the instances.
      most_a_second = min(
        f.max_instances * f.concurrency / local.work[name].seconds,
        f.rate_share == null ? 1000000000 : (
          var.customerio_requests_per_second * var.pipeline.customerio.headroom * f.rate_share * (f.ledger ? 1 : local.given.operations_per_request)
        ),
      )
    }
  }

  cost_items = {
    # Each message is published once and delivered once; Pub/Sub charges also for the delivery that a lane's filter leaves
    # out. A webhook is published by us and delivered to the warehouse.
    pubsub = local.price.pubsub_tib / 1099511627776 * sum([
      for name, size in local.sizing : local.messages[name] * size.bytes * (var.pipeline.functions[name].warehouse ? 1 : 1 + length([for s in values(local.push_subscriptions) : s if s.push == name]))
    ])
    functions_busy = sum([
      for name, size in local.sizing :
      size.busy_seconds * (size.vcpu * local.price.run_vcpu_second + size.gib * local.price.run_gib_second)
      + local.messages[name] / 1000000 * local.price.run_million_requests
    ])
    functions_warm = sum([
      for size in values(local.sizing) :
      size.warm * local.month_seconds * (size.vcpu * local.price.run_idle_vcpu_second + size.gib * local.price.run_idle_gib_second)
    ])
    # The ledger: claimed and sent are two writes, the record expires once; a read happens on a repeated delivery only.
    firestore = sum([
      for name, f in var.pipeline.functions : !f.ledger ? 0 : local.messages[name] / 100000 * (
        2 * local.price.firestore_100k_writes + 0.05 * local.price.firestore_100k_reads + local.price.firestore_100k_deletes
      )
    ])
    bigquery = sum([
      for name, f in var.pipeline.functions : !f.warehouse ? 0 : local.messages[name] * local.sizing[name].bytes / local.gib * (
        local.price.bigquery_insert_gib + local.given.stored_months * local.price.bigquery_storage_gib
      )
    ])
    logging = sum(values(local.messages)) * local.given.bytes_per_log_line / local.gib * local.price.logging_gib
    secrets = (
      length(var.pipeline.secrets) * local.price.secret_version
      # An instance reads each of its secrets once a minute while it is busy.
      + sum([for name, f in var.pipeline.functions : local.sizing[name].busy_seconds / 60 * length(f.secrets)]) / 10000 * local.price.secret_10k_reads
    )
  }
}
