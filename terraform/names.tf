# Every name that the module gives within the project, made in this one place: that of pipeline.yaml behind the prefix. The
# command line has the same rules in scripts/topology/names.ts. What lies within something that has the prefix needs none:
# tables and views, documents, objects of a bucket, SLOs.

variable "name_prefix" {
  description = "Goes before every name in the project, with a hyphen at its end, such as `uk-`: a second pipeline in one project has another one, or none. It cannot be changed later: everything would be made again, empty. Names are those of pipeline.yaml if empty."
  type        = string
  default     = ""
  nullable    = false

  # 14: `<prefix><project, 30>-customerio-bundles` has the 63 that a bucket's name may have.
  validation {
    condition     = can(regex("^([a-z]([a-z0-9-]{0,11}[a-z0-9])?-)?$", var.name_prefix))
    error_message = "Use at most 14 of a-z, 0-9 and -, starting with a letter and ending in one hyphen, such as \"uk-\", or \"\" for no prefix."
  }
}

locals {
  names = {
    topics        = { for name in keys(var.pipeline.topics) : name => "${var.name_prefix}${name}" }
    subscriptions = { for name in keys(local.subscriptions) : name => "${var.name_prefix}${name}" }
    functions     = { for name in keys(local.functions) : name => "${var.name_prefix}${name}" }
    secrets       = { for variable, secret in var.pipeline.secrets : variable => "${var.name_prefix}${secret.id}" }
    channels      = { for name in keys(var.notification_channels) : name => "${var.name_prefix}${name}" }

    pauser     = "${replace(var.name_prefix, "-", "_")}customerio_pauser" # a role's id has no hyphens
    replayer   = "${replace(var.name_prefix, "-", "_")}customerio_replayer"
    dataset    = "${replace(var.name_prefix, "-", "_")}${var.pipeline.bigquery.dataset}" # has no hyphens
    ledger     = "${var.name_prefix}${var.pipeline.ledger.database}"
    bundles    = "${var.name_prefix}${var.project_id}-customerio-bundles" # unique in all of Google Cloud
    images     = "${var.name_prefix}customerio-functions"
    metrics    = "${var.name_prefix}customerio" # before a / and the metric's own name
    service    = "${var.name_prefix}customerio"
    probe_job  = "${var.name_prefix}customerio-probe"
    record     = "${var.name_prefix}customerio-record"
    names_job  = "${var.name_prefix}customerio-names"
    exclusions = { requests = "${var.name_prefix}customerio-requests", delivered = "${var.name_prefix}customerio-delivered" }

    # An account has 30 characters. What is longer ends in a hash of its whole name.
    accounts = {
      for name in concat(
        [for name in keys(local.functions) : "${name}-function"],
        [for name in keys(local.push_subscriptions) : "${name}-push"],
        ["customerio-build"],
        ) : name => (
        length("${var.name_prefix}${name}") <= 30 ? "${var.name_prefix}${name}" :
        "${trimsuffix(substr("${var.name_prefix}${name}", 0, 23), "-")}-${substr(sha256("${var.name_prefix}${name}"), 0, 6)}"
      )
    }
  }

  # For people: in titles of alerts, of the dashboard, of the budget.
  display_environment = "${var.name_prefix}${var.environment}"

  # Of names, as a list for a filter of logs: "a" OR "b".
  function_names = join(" OR ", [for name in values(local.names.functions) : "\"${name}\""])
}
