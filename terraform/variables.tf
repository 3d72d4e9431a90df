variable "environment" {
  description = "Name of the environment, such as dev, staging or prod. A label of every resource and part of every alert's title."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,15}$", var.environment))
    error_message = "Use 2 to 16 of a-z, 0-9 and -, starting with a letter, such as \"staging\"."
  }
}

variable "project_id" {
  description = "Id of the Google Cloud project: one per environment. A second pipeline in it needs a name_prefix."
  type        = string

  validation {
    condition     = can(regex("^[a-z][-a-z0-9]{4,28}[a-z0-9]$", var.project_id))
    error_message = "Give the project's id (6 to 30 of a-z, 0-9 and -), not its name or number. `gcloud projects list` shows it."
  }
}

variable "region" {
  description = "Region of functions, bundles and images, and where Pub/Sub stores messages, such as europe-west1. It cannot be changed later."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "Give a region such as \"europe-west1\", not a zone (\"europe-west1-b\") or a multi-region (\"EU\")."
  }
}

variable "bigquery_location" {
  description = "Location of the BigQuery dataset, a region or a multi-region such as EU. It cannot be changed later. The region if null."
  type        = string
  default     = null

  validation {
    condition     = var.bigquery_location == null || can(regex("^([A-Z]{2}|[a-z]+-[a-z]+[0-9]+)$", var.bigquery_location))
    error_message = "Give a region such as \"europe-west1\" or a multi-region, \"EU\" or \"US\"."
  }
}

variable "firestore_location" {
  description = "Location of the send ledger's Firestore database, a region or a multi-region such as eur3. It cannot be changed later. The region if null."
  type        = string
  default     = null

  validation {
    condition     = var.firestore_location == null || can(regex("^([a-z]+[0-9]+|[a-z]+-[a-z]+[0-9]+)$", var.firestore_location))
    error_message = "Give a region such as \"europe-west1\" or a multi-region, \"eur3\" or \"nam5\"."
  }
}

variable "bundle_dir" {
  description = "Directory with one folder per function, written by `npm run build`: package.json, package-lock.json, and the code that package.json names as `main`."
  type        = string

  validation {
    condition = alltrue([
      for name, f in var.pipeline.functions : contains(keys(var.bundles), name) || alltrue([
        for folder in [f.bundle == null ? "${var.bundle_dir}/${name}" : "${coalesce(var.pipeline_dir, ".")}/${f.bundle}"] :
        try(fileexists("${folder}/${jsondecode(file("${folder}/package.json")).main}"), false)
      ])
    ])
    error_message = "A function has no package.json there whose `main` is a file, nor a bundle in `bundles`. Run `npm ci && npm run build` in the project's folder, then plan again; on the way back, name every function."
  }
}

variable "bundles" {
  description = "The way back: hashes of bundles to deploy from the bucket instead of bundle_dir, by function. Every bundle that was deployed is still there; `terraform output bundles` shows those of now."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition = alltrue([
      for name, hash in var.bundles : contains(keys(var.pipeline.functions), name) && can(regex("^[0-9a-f]{64}$", hash))
    ])
    error_message = "Give the hashes by names of functions, { track = \"…64 of 0-9 and a-f…\" }, as `terraform output -json bundles` showed them when it was good."
  }
}

variable "labels" {
  description = "Further labels for every resource that takes labels, such as a cost centre."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition = alltrue([
      for key, value in var.labels : can(regex("^[a-z][-_a-z0-9]{0,62}$", key)) && can(regex("^[-_a-z0-9]{0,63}$", value))
    ])
    error_message = "Keys and values of labels have at most 63 of a-z, 0-9, _ and -; a key starts with a letter."
  }
}

variable "customerio_region" {
  description = "Data centre of the Customer.io account, us or eu."
  type        = string

  validation {
    condition     = contains(["us", "eu"], var.customerio_region)
    error_message = "Use \"us\" or \"eu\". Customer.io shows it under Settings, Account settings, Privacy & data."
  }
}

variable "customerio_requests_per_second" {
  description = "Customer.io's limit for this account, in requests per second; 1,000 is documented for its Track API. Functions get their `rate_share` of `customerio.headroom` of it."
  type        = number
  default     = 1000
  nullable    = false

  validation {
    condition     = var.customerio_requests_per_second >= 10 && var.customerio_requests_per_second <= 10000
    error_message = "Give requests per second, from 10 to 10000. Ask Customer.io for the limit of your account."
  }
}

variable "log_level" {
  description = "Lowest severity that functions log. Metrics count lines of INFO: with a higher level, dashboard, alerts and SLO see nothing."
  type        = string
  default     = "INFO"
  nullable    = false

  validation {
    condition     = contains(["DEBUG", "INFO"], var.log_level)
    error_message = "Use \"DEBUG\" or \"INFO\": the log-based metrics count lines of severity INFO."
  }
}

variable "min_instances" {
  description = "Instances kept warm, by function; overrides `min_instances` of pipeline.yaml."
  type        = map(number)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for name in keys(var.min_instances) : contains(keys(local.functions), name)])
    error_message = "A key is no function of pipeline.yaml. Use names such as { webhook = 1 }."
  }

  validation {
    condition = alltrue([
      for name, count in var.min_instances :
      count >= 0 && floor(count) == count && try(count <= local.functions[name].max_instances, true)
    ])
    error_message = "Give whole numbers from 0 to the function's `max_instances` in pipeline.yaml."
  }
}

variable "webhook_access" {
  description = "How Customer.io's requests get to the webhook: all_users, org_policy_exception or invoker_check_disabled. README.md says which fits and who may apply it."
  type        = string
  default     = "all_users"
  nullable    = false

  validation {
    condition     = contains(["all_users", "org_policy_exception", "invoker_check_disabled"], var.webhook_access)
    error_message = "Use \"all_users\", \"org_policy_exception\" or \"invoker_check_disabled\". `cio-gcp preflight` says which one the organisation lets through."
  }
}

variable "publishers" {
  description = "Who may publish to which topic: for each topic, members such as serviceAccount:shop@acme.iam.gserviceaccount.com."
  type        = map(set(string))
  default     = {}
  nullable    = false

  validation {
    condition = alltrue([
      for topic in keys(var.publishers) : contains([for s in values(local.push_subscriptions) : s.topic], topic)
    ])
    error_message = "A key is not a topic that a function reads, such as identify, track or transactional; nobody but this module publishes dead letters."
  }

  validation {
    condition = alltrue([
      for member in flatten([for members in values(var.publishers) : tolist(members)]) :
      can(regex("^(serviceAccount|group|user|principal|principalSet):.+$", member))
    ])
    error_message = "Write members as serviceAccount:EMAIL, group:EMAIL, user:EMAIL or principal://…. allUsers may not publish."
  }
}

variable "deployers" {
  description = "Who applies this besides owners, such as the account of a deployment job. They may act as the accounts made here, without a right to impersonate others in the project."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for member in var.deployers : can(regex("^(serviceAccount|group|user):[^@ ]+@[^@ ]+$", member))])
    error_message = "Write members as serviceAccount:EMAIL, group:EMAIL or user:EMAIL."
  }
}

variable "readers" {
  description = "Who may query the tables and views, which hold e-mail addresses: members such as group:analysts@acme.com. Nobody but owners of the project if empty, not even its Viewers."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for member in var.readers : can(regex("^(serviceAccount|group|user):[^@ ]+@[^@ ]+$", member))])
    error_message = "Write members as group:EMAIL, user:EMAIL or serviceAccount:EMAIL."
  }
}

variable "operators" {
  description = "Who may run `cio-gcp` on this environment: read and replay dead letters, settle sends, pause subscriptions, erase a person, set secrets. Members such as group:oncall@acme.com."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for member in var.operators : can(regex("^(serviceAccount|group|user):[^@ ]+@[^@ ]+$", member))])
    error_message = "Write members as group:EMAIL, user:EMAIL or serviceAccount:EMAIL."
  }

  validation {
    condition     = length(setintersection(var.operators, var.readers)) == 0
    error_message = "An operator may read the tables already: name each member in one of the two, readers or operators."
  }
}

variable "ledger_backup_days" {
  description = "Days for which a daily backup of the send ledger is kept. Above 0 the last seven days can also be restored to any minute. An erased person's record stays in a backup until the backup ends."
  type        = number
  default     = 7
  nullable    = false

  validation {
    condition     = var.ledger_backup_days >= 0 && var.ledger_backup_days <= 98 && floor(var.ledger_backup_days) == var.ledger_backup_days
    error_message = "Give whole days from 1 to 98 (Firestore keeps a backup for at most 14 weeks), or 0 for neither backups nor point-in-time recovery."
  }
}

variable "budget" {
  description = "Notify when the project's cost of a month reaches 50, 90 and 100 % of this amount, or is forecast to. No budget if null. The currency must be the billing account's."
  type = object({
    billing_account  = string
    amount_per_month = number
    currency         = optional(string, "USD")
  })
  default = null

  validation {
    condition     = var.budget == null ? true : can(regex("^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$", var.budget.billing_account))
    error_message = "Give the billing account's id, such as 012345-6789AB-CDEF01, as `gcloud billing accounts list` shows it."
  }

  validation {
    condition = var.budget == null ? true : (
      var.budget.amount_per_month >= 1 && floor(var.budget.amount_per_month) == var.budget.amount_per_month && can(regex("^[A-Z]{3}$", var.budget.currency))
    )
    error_message = "Give a whole amount from 1 upwards and a currency such as \"EUR\": { billing_account = \"…\", amount_per_month = 500, currency = \"EUR\" }."
  }
}

variable "webhook_events_expiration_days" {
  description = "Days after which partitions of webhook_events are deleted. Kept forever if null from the start; remove an earlier limit with `bq update --time_partitioning_expiration 0`."
  type        = number
  default     = null

  validation {
    condition     = var.webhook_events_expiration_days == null ? true : var.webhook_events_expiration_days >= 30
    error_message = "Give 30 days or more, or null to keep events forever: views and funnels look back a month."
  }
}

variable "message_outcomes_expiration_days" {
  description = "Days after which partitions of message_outcomes, the record of what became of each message, are deleted. Null as for webhook_events_expiration_days."
  type        = number
  default     = 180

  validation {
    condition     = var.message_outcomes_expiration_days == null ? true : var.message_outcomes_expiration_days >= 7
    error_message = "Give 7 days or more, or null to keep the record forever: cio-gcp trace looks back a week."
  }
}

variable "deletion_protection" {
  description = "Refuse to delete tables, secrets and the send ledger. Set it to false and apply before a destroy."
  type        = bool
  default     = true
  nullable    = false
}

variable "notification_channels" {
  description = "Where alerts go: channels to create, by name. Types that need a token (Slack, PagerDuty) are made by hand and named in existing_notification_channels, which keeps tokens out of the state."
  type = map(object({
    type   = string
    labels = map(string)
  }))
  default  = {}
  nullable = false

  validation {
    condition = alltrue([
      for channel in values(var.notification_channels) : (
        channel.type == "email" ? can(regex("^[^@ ]+@[^@ ]+$", channel.labels.email_address)) :
        channel.type == "pubsub" ? can(regex("^projects/[^/]+/topics/[^/]+$", channel.labels.topic)) :
        channel.type == "google_chat" ? can(regex("^spaces/", channel.labels.space)) : false
      )
    ])
    error_message = "Use { type = \"email\", labels = { email_address = … } }, \"pubsub\" with labels.topic or \"google_chat\" with labels.space. Name others in existing_notification_channels."
  }
}

variable "existing_notification_channels" {
  description = "Ids of notification channels that exist already, projects/PROJECT/notificationChannels/NUMBER."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition = alltrue([
      for id in var.existing_notification_channels : can(regex("^projects/[^/]+/notificationChannels/[0-9]+$", id))
    ])
    error_message = "Give full ids, projects/PROJECT/notificationChannels/NUMBER, as `gcloud beta monitoring channels list` shows them."
  }
}

variable "runbook_url" {
  description = "Address of the folder terraform/runbooks that people on call can open. Alerts link to the files in it."
  type        = string

  validation {
    condition     = can(regex("^https://[^ ]+[^/ ]$", var.runbook_url))
    error_message = "Give an https address with no slash at its end, such as https://github.com/acme/customerio/blob/main/terraform/runbooks."
  }
}

variable "alert_thresholds" {
  description = "Alerts fire above these values. A count is over five minutes, a ratio is from 0 to 1. That of the webhook is low, because Customer.io sends nothing else while one webhook waits."
  type = object({
    oldest_unacked_seconds = optional(number, 900)
    push_failure_ratio     = optional(number, 0.2)
    webhook_5xx_count      = optional(number, 1)
    error_log_count        = optional(number, 20)
    dead_letter_count      = optional(number, 1000)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.alert_thresholds.push_failure_ratio > 0 && var.alert_thresholds.push_failure_ratio < 1
    error_message = "push_failure_ratio is a share of all pushes: give a number between 0 and 1, such as 0.2."
  }

  validation {
    condition = alltrue([
      for name, value in var.alert_thresholds : value >= 0 && (name == "push_failure_ratio" || floor(value) == value)
    ])
    error_message = "Give seconds and counts as whole numbers from 0 upwards."
  }
}

variable "webhook_silence_hours" {
  description = "Hours without an accepted webhook of Customer.io after which an alert fires: longer than the longest pause in which you send nothing. No such alert if null."
  type        = number
  default     = null

  validation {
    condition     = var.webhook_silence_hours == null ? true : var.webhook_silence_hours >= 1 && var.webhook_silence_hours <= 168 && floor(var.webhook_silence_hours) == var.webhook_silence_hours
    error_message = "Give whole hours from 1 to 168, or null. After 168 hours, which are 7 days, Customer.io stops retrying webhooks."
  }
}

variable "customerio_webhook_addresses" {
  description = "Addresses that Customer.io sends webhooks from. Those of webhook-addresses.yaml for customerio_region if empty."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for address in var.customerio_webhook_addresses : can(cidrhost("${address}/32", 0)) || can(cidrhost("${address}/128", 0))])
    error_message = "Give single addresses such as [\"34.76.143.229\"], as `GET /v1/info/ip_addresses` of Customer.io's App API lists them."
  }
}

variable "request_log_share" {
  description = "Share of Cloud Run's request lines with a status below 400 that are kept, from 0 to 1. Metrics and alerts count all of them whatever this is."
  type        = number
  default     = 0.01
  nullable    = false

  validation {
    condition     = var.request_log_share >= 0 && var.request_log_share <= 1
    error_message = "Give a share of all lines, from 0 (none is kept) to 1 (all are)."
  }
}

variable "delivered_log_share" {
  description = "Share of the lines of delivered messages that the log keeps, from 0 to 1; all of them are in the table message_outcomes. Metrics and alerts count all of them whatever this is."
  type        = number
  default     = 0.01
  nullable    = false

  validation {
    condition     = var.delivered_log_share >= 0 && var.delivered_log_share <= 1
    error_message = "Give a share of all lines, from 0 (none is kept) to 1 (all are)."
  }
}

variable "slo_goals" {
  description = "Shares that must be good over 28 days: messages that do not end exhausted or uncertain, time in which no message waits for longer than oldest_unacked_seconds, and webhooks of Customer.io that are accepted."
  type = object({
    delivery  = optional(number, 0.999)
    freshness = optional(number, 0.99)
    webhook   = optional(number, 0.999)
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for goal in values(var.slo_goals) : goal >= 0.5 && goal <= 0.9999])
    error_message = "Give shares from 0.5 to 0.9999, such as 0.999 for 99.9 %. Cloud Monitoring takes no more than 0.9999."
  }
}

variable "messages_per_month" {
  description = "Expected messages per month, by function. Used only to estimate cost and headroom."
  type        = map(number)
  default     = {}
  nullable    = false

  validation {
    condition = alltrue([
      for name, count in var.messages_per_month : contains(keys(local.functions), name) && count >= 0
    ])
    error_message = "Give counts from 0 upwards by names of functions in pipeline.yaml, such as { identify = 1000000, webhook = 5000000 }."
  }
}
