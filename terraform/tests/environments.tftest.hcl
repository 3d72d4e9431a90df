# Every environment is applied with its own values against mocked providers, then one run holds all of them to what
# must be true everywhere. A condition that fails names what breaks it.

mock_provider "google" {
  source = "./tests/mocks/google"
}

mock_provider "google-beta" {
  source = "./tests/mocks/google-beta"
}

mock_provider "archive" {}

mock_provider "time" {}

variables {
  pipeline   = yamldecode(file("pipeline.yaml"))
  bundle_dir = "tests/fixtures/bundles"
}

run "dev" {
  state_key = "dev"

  variables {
    environment                      = yamldecode(file("environments/dev/values.yaml")).environment
    project_id                       = yamldecode(file("environments/dev/values.yaml")).project_id
    name_prefix                      = yamldecode(file("environments/dev/values.yaml")).name_prefix
    region                           = yamldecode(file("environments/dev/values.yaml")).region
    bigquery_location                = yamldecode(file("environments/dev/values.yaml")).bigquery_location
    firestore_location               = yamldecode(file("environments/dev/values.yaml")).firestore_location
    labels                           = yamldecode(file("environments/dev/values.yaml")).labels
    production                       = yamldecode(file("environments/dev/values.yaml")).production
    recipients                       = yamldecode(file("environments/dev/values.yaml")).recipients
    customerio_region                = yamldecode(file("environments/dev/values.yaml")).customerio_region
    customerio_requests_per_second   = yamldecode(file("environments/dev/values.yaml")).customerio_requests_per_second
    log_level                        = yamldecode(file("environments/dev/values.yaml")).log_level
    min_instances                    = yamldecode(file("environments/dev/values.yaml")).min_instances
    webhook_access                   = yamldecode(file("environments/dev/values.yaml")).webhook_access
    publishers                       = yamldecode(file("environments/dev/values.yaml")).publishers
    deployers                        = yamldecode(file("environments/dev/values.yaml")).deployers
    readers                          = yamldecode(file("environments/dev/values.yaml")).readers
    operators                        = yamldecode(file("environments/dev/values.yaml")).operators
    ledger_backup_days               = yamldecode(file("environments/dev/values.yaml")).ledger_backup_days
    budget                           = yamldecode(file("environments/dev/values.yaml")).budget
    webhook_events_expiration_days   = yamldecode(file("environments/dev/values.yaml")).webhook_events_expiration_days
    message_outcomes_expiration_days = yamldecode(file("environments/dev/values.yaml")).message_outcomes_expiration_days
    deletion_protection              = yamldecode(file("environments/dev/values.yaml")).deletion_protection
    notification_channels            = yamldecode(file("environments/dev/values.yaml")).notification_channels
    existing_notification_channels   = yamldecode(file("environments/dev/values.yaml")).existing_notification_channels
    runbook_url                      = yamldecode(file("environments/dev/values.yaml")).runbook_url
    alert_thresholds                 = yamldecode(file("environments/dev/values.yaml")).alert_thresholds
    webhook_silence_hours            = yamldecode(file("environments/dev/values.yaml")).webhook_silence_hours
    customerio_webhook_addresses     = yamldecode(file("environments/dev/values.yaml")).customerio_webhook_addresses
    request_log_share                = yamldecode(file("environments/dev/values.yaml")).request_log_share
    delivered_log_share              = yamldecode(file("environments/dev/values.yaml")).delivered_log_share
    slo_goals                        = yamldecode(file("environments/dev/values.yaml")).slo_goals
    messages_per_month               = yamldecode(file("environments/dev/values.yaml")).messages_per_month
    probe                            = yamldecode(file("environments/dev/values.yaml")).probe
  }
}

run "staging" {
  state_key = "staging"

  variables {
    environment                      = yamldecode(file("environments/staging/values.yaml")).environment
    project_id                       = yamldecode(file("environments/staging/values.yaml")).project_id
    name_prefix                      = yamldecode(file("environments/staging/values.yaml")).name_prefix
    region                           = yamldecode(file("environments/staging/values.yaml")).region
    bigquery_location                = yamldecode(file("environments/staging/values.yaml")).bigquery_location
    firestore_location               = yamldecode(file("environments/staging/values.yaml")).firestore_location
    labels                           = yamldecode(file("environments/staging/values.yaml")).labels
    production                       = yamldecode(file("environments/staging/values.yaml")).production
    recipients                       = yamldecode(file("environments/staging/values.yaml")).recipients
    customerio_region                = yamldecode(file("environments/staging/values.yaml")).customerio_region
    customerio_requests_per_second   = yamldecode(file("environments/staging/values.yaml")).customerio_requests_per_second
    log_level                        = yamldecode(file("environments/staging/values.yaml")).log_level
    min_instances                    = yamldecode(file("environments/staging/values.yaml")).min_instances
    webhook_access                   = yamldecode(file("environments/staging/values.yaml")).webhook_access
    publishers                       = yamldecode(file("environments/staging/values.yaml")).publishers
    deployers                        = yamldecode(file("environments/staging/values.yaml")).deployers
    readers                          = yamldecode(file("environments/staging/values.yaml")).readers
    operators                        = yamldecode(file("environments/staging/values.yaml")).operators
    ledger_backup_days               = yamldecode(file("environments/staging/values.yaml")).ledger_backup_days
    budget                           = yamldecode(file("environments/staging/values.yaml")).budget
    webhook_events_expiration_days   = yamldecode(file("environments/staging/values.yaml")).webhook_events_expiration_days
    message_outcomes_expiration_days = yamldecode(file("environments/staging/values.yaml")).message_outcomes_expiration_days
    deletion_protection              = yamldecode(file("environments/staging/values.yaml")).deletion_protection
    notification_channels            = yamldecode(file("environments/staging/values.yaml")).notification_channels
    existing_notification_channels   = yamldecode(file("environments/staging/values.yaml")).existing_notification_channels
    runbook_url                      = yamldecode(file("environments/staging/values.yaml")).runbook_url
    alert_thresholds                 = yamldecode(file("environments/staging/values.yaml")).alert_thresholds
    webhook_silence_hours            = yamldecode(file("environments/staging/values.yaml")).webhook_silence_hours
    customerio_webhook_addresses     = yamldecode(file("environments/staging/values.yaml")).customerio_webhook_addresses
    request_log_share                = yamldecode(file("environments/staging/values.yaml")).request_log_share
    delivered_log_share              = yamldecode(file("environments/staging/values.yaml")).delivered_log_share
    slo_goals                        = yamldecode(file("environments/staging/values.yaml")).slo_goals
    messages_per_month               = yamldecode(file("environments/staging/values.yaml")).messages_per_month
    probe                            = yamldecode(file("environments/staging/values.yaml")).probe
  }
}

run "prod" {
  state_key = "prod"

  variables {
    environment                      = yamldecode(file("environments/prod/values.yaml")).environment
    project_id                       = yamldecode(file("environments/prod/values.yaml")).project_id
    name_prefix                      = yamldecode(file("environments/prod/values.yaml")).name_prefix
    region                           = yamldecode(file("environments/prod/values.yaml")).region
    bigquery_location                = yamldecode(file("environments/prod/values.yaml")).bigquery_location
    firestore_location               = yamldecode(file("environments/prod/values.yaml")).firestore_location
    labels                           = yamldecode(file("environments/prod/values.yaml")).labels
    production                       = yamldecode(file("environments/prod/values.yaml")).production
    recipients                       = yamldecode(file("environments/prod/values.yaml")).recipients
    customerio_region                = yamldecode(file("environments/prod/values.yaml")).customerio_region
    customerio_requests_per_second   = yamldecode(file("environments/prod/values.yaml")).customerio_requests_per_second
    log_level                        = yamldecode(file("environments/prod/values.yaml")).log_level
    min_instances                    = yamldecode(file("environments/prod/values.yaml")).min_instances
    webhook_access                   = yamldecode(file("environments/prod/values.yaml")).webhook_access
    publishers                       = yamldecode(file("environments/prod/values.yaml")).publishers
    deployers                        = yamldecode(file("environments/prod/values.yaml")).deployers
    readers                          = yamldecode(file("environments/prod/values.yaml")).readers
    operators                        = yamldecode(file("environments/prod/values.yaml")).operators
    ledger_backup_days               = yamldecode(file("environments/prod/values.yaml")).ledger_backup_days
    budget                           = yamldecode(file("environments/prod/values.yaml")).budget
    webhook_events_expiration_days   = yamldecode(file("environments/prod/values.yaml")).webhook_events_expiration_days
    message_outcomes_expiration_days = yamldecode(file("environments/prod/values.yaml")).message_outcomes_expiration_days
    deletion_protection              = yamldecode(file("environments/prod/values.yaml")).deletion_protection
    notification_channels            = yamldecode(file("environments/prod/values.yaml")).notification_channels
    existing_notification_channels   = yamldecode(file("environments/prod/values.yaml")).existing_notification_channels
    runbook_url                      = yamldecode(file("environments/prod/values.yaml")).runbook_url
    alert_thresholds                 = yamldecode(file("environments/prod/values.yaml")).alert_thresholds
    webhook_silence_hours            = yamldecode(file("environments/prod/values.yaml")).webhook_silence_hours
    customerio_webhook_addresses     = yamldecode(file("environments/prod/values.yaml")).customerio_webhook_addresses
    request_log_share                = yamldecode(file("environments/prod/values.yaml")).request_log_share
    delivered_log_share              = yamldecode(file("environments/prod/values.yaml")).delivered_log_share
    slo_goals                        = yamldecode(file("environments/prod/values.yaml")).slo_goals
    messages_per_month               = yamldecode(file("environments/prod/values.yaml")).messages_per_month
    probe                            = yamldecode(file("environments/prod/values.yaml")).probe
  }
}

run "every_environment" {
  command = plan

  module {
    source = "./tests/flatten"
  }

  variables {
    environments = {
      dev     = run.dev.resources
      staging = run.staging.resources
      prod    = run.prod.resources
    }
  }

  # ---- the plan is pipeline.yaml, no less and no more ---------------------------------------------

  assert {
    condition = alltrue([
      for r in values(var.environments) : toset(values(r.topics)[*].name) == toset(keys(var.pipeline.topics))
    ])
    error_message = "The topics are not those of pipeline.yaml."
  }

  assert {
    condition = alltrue([
      for name, t in var.pipeline.topics : alltrue([
        for r in values(var.environments) : try(r.topics[name].message_retention_duration, null) == (try(t.retention_days, 0) == 0 ? null : "${t.retention_days * 86400}s")
      ])
    ])
    error_message = "A topic keeps messages for longer or shorter than pipeline.yaml says."
  }

  assert {
    condition = alltrue([
      for r in values(var.environments) : toset(values(r.subscriptions)[*].name) == toset(keys(var.pipeline.subscriptions))
    ])
    error_message = "The subscriptions are not those of pipeline.yaml."
  }

  assert {
    condition = alltrue([
      for r in values(var.environments) : toset(values(r.functions)[*].name) == toset(keys(var.pipeline.functions))
    ])
    error_message = "The functions are not those of pipeline.yaml."
  }

  assert {
    condition = alltrue([
      for r in values(var.environments) :
      toset(values(r.tables)[*].table_id) == toset(keys(var.pipeline.bigquery.tables)) &&
      toset(values(r.views)[*].table_id) == toset(keys(var.pipeline.bigquery.views)) &&
      toset(values(r.table_functions)[*].routine_id) == toset(keys(var.pipeline.bigquery.table_functions))
    ])
    error_message = "The tables, views or table functions are not those of pipeline.yaml."
  }

  assert {
    condition = alltrue([
      for r in values(var.environments) :
      toset(values(r.secrets)[*].secret_id) == toset(values(var.pipeline.secrets)[*].id) &&
      toset(keys(r.secret_versions)) == toset(keys(var.pipeline.secrets))
    ])
    error_message = "The secrets are not those of pipeline.yaml, or one has no first version."
  }

  # ---- no message is lost -------------------------------------------------------------------------

  assert {
    condition = [
      for s in output.subscriptions : s if s.pushes && basename(s.topic) != var.pipeline.probe.topic && !anytrue([
        for own in output.subscriptions :
        own.environment == s.environment && own.topic == s.dead_letter_topic && !own.pushes && !own.expires
      ])
    ] == []
    error_message = "A source subscription has no dead-letter policy, or its dead-letter topic has no pull subscription of its own that never expires: dead letters would vanish."
  }

  assert {
    condition = alltrue([
      for environment, r in var.environments : alltrue([
        for topic in values(r.topics) :
        topic.message_storage_policy[0].allowed_persistence_regions == toset([yamldecode(file("environments/${environment}/values.yaml")).region])
      ])
    ])
    error_message = "A topic stores messages in other regions than the pipeline's, so that messages under one key could have no order."
  }

  assert {
    condition     = [for s in output.subscriptions : "${s.environment} ${s.name}" if s.expires] == []
    error_message = "A subscription is deleted, with its messages, when nobody reads it for a while."
  }

  assert {
    condition     = [for s in output.subscriptions : "${s.environment} ${s.name}" if !s.pushes && !contains([for name, own in var.pipeline.subscriptions : name if can(own.bigquery)], s.name) && s.retention != "2678400s"] == []
    error_message = "A pull subscription keeps messages for less than 31 days."
  }

  assert {
    condition = alltrue([
      for name, s in var.pipeline.subscriptions : alltrue([
        for r in values(var.environments) : (
          basename(r.subscriptions[name].topic) == s.topic
          && r.subscriptions[name].enable_message_ordering == try(s.ordered, false)
          && r.subscriptions[name].filter == try(s.filter, null)
          && r.subscriptions[name].ack_deadline_seconds == s.ack_deadline_seconds
          && r.subscriptions[name].message_retention_duration == "${s.retention_seconds}s"
          && try(r.subscriptions[name].retry_policy[0].minimum_backoff, null) == try("${s.minimum_backoff_seconds}s", null)
          && try(r.subscriptions[name].retry_policy[0].maximum_backoff, null) == try("${s.maximum_backoff_seconds}s", null)
          && try(r.subscriptions[name].dead_letter_policy[0].max_delivery_attempts, null) == try(s.max_delivery_attempts, null)
          && try(basename(r.subscriptions[name].dead_letter_policy[0].dead_letter_topic), null) == try(s.dead_letter_topic, null)
        )
      ])
    ])
    error_message = "A subscription differs from what pipeline.yaml says of it."
  }

  assert {
    condition = alltrue([
      for r in values(var.environments) : (
        endswith(r.record.sink.destination, "/topics/message-outcomes")
        && endswith(r.record.sink.filter, "AND ${var.pipeline.record.filter}") && r.record.sink.unique_writer_identity
        && r.record.grant.role == "roles/pubsub.publisher" && r.record.grant.member == r.record.sink.writer_identity
        && basename(r.record.grant.topic) == "message-outcomes"
      )
    ])
    error_message = "The sink of the record, and it alone besides operators, publishes the lines that pass the record's filter to message-outcomes."
  }

  assert {
    condition = alltrue([
      for r in values(var.environments) : alltrue([
        for name, s in var.pipeline.subscriptions : !can(s.bigquery) ? true : (
          endswith(r.subscriptions[name].bigquery_config[0].table, ".customerio.${s.bigquery}")
          && r.subscriptions[name].bigquery_config[0].use_table_schema && r.subscriptions[name].bigquery_config[0].drop_unknown_fields
          && r.subscriptions[name].message_transforms[0].javascript_udf[0].function_name == s.transform.function
          && r.subscriptions[name].message_transforms[0].javascript_udf[0].code == file(s.transform.file)
        )
      ])
    ])
    error_message = "A subscription does not write to its table by the table's columns, or without its transform."
  }

  # ---- who may do what: exactly this ---------------------------------------------------------------

  # A permission that two resources give is lost when one of them goes.
  assert {
    condition = [
      for grant, times in { for g in output.grants : "${g.environment} ${g.on} ${g.role} ${g.member}" => 1... } : grant if length(times) > 1
    ] == []
    error_message = "A permission is given twice."
  }

  assert {
    condition = alltrue([
      for environment, r in var.environments :
      toset([for g in output.grants : "${g.on} ${g.role} ${g.member}" if g.environment == environment && g.member == r.pubsub_agent]) == toset(flatten([
        for name, s in var.pipeline.subscriptions : concat(
          can(s.bigquery) ? ["table ${s.bigquery} roles/bigquery.dataEditor ${r.pubsub_agent}"] : [
            "account ${name}-push@mock.iam.gserviceaccount.com roles/iam.serviceAccountOpenIdTokenCreator ${r.pubsub_agent}",
          ],
          !can(s.dead_letter_topic) ? [] : [
            "topic ${s.dead_letter_topic} roles/pubsub.publisher ${r.pubsub_agent}",
            "subscription ${name} roles/pubsub.subscriber ${r.pubsub_agent}",
          ],
        ) if can(s.push) || can(s.bigquery)
      ]))
    ])
    error_message = "The Pub/Sub agent must publish to each dead-letter topic, acknowledge at each source, sign in as each push account, write to the tables of subscriptions, and nothing else."
  }

  assert {
    condition = alltrue([
      for r in values(var.environments) : alltrue([
        for name, s in var.pipeline.subscriptions : !can(s.push) ? true : (
          r.subscriptions[name].push_config[0].push_endpoint == r.functions[s.push].service_config[0].uri
          && try(r.subscriptions[name].push_config[0].oidc_token[0].audience == r.functions[s.push].service_config[0].uri, false)
          && try(r.subscriptions[name].push_config[0].oidc_token[0].service_account_email == r.push_accounts[name].email, false)
        )
      ])
    ])
    error_message = "A push has no OIDC token, or not with its own account, for the function it goes to."
  }

  assert {
    condition = alltrue([
      for environment, r in var.environments :
      toset([for g in output.grants : "${g.on} ${g.role} ${g.member}" if g.environment == environment && startswith(g.on, "function ")]) == toset(concat(
        ["function webhook roles/run.invoker allUsers"],
        [for name, s in var.pipeline.subscriptions : "function ${s.push} roles/run.invoker ${r.push_accounts[name].member}" if can(s.push)],
      ))
    ])
    error_message = "Each function may be invoked by the account of its push and nobody else; only the webhook by everyone."
  }

  assert {
    condition = [
      for g in output.grants : "${g.environment} ${g.on}"
      if contains(["allUsers", "allAuthenticatedUsers"], g.member) && g.on != "function webhook"
    ] == []
    error_message = "Something other than the webhook is public."
  }

  assert {
    condition = [
      for f in output.functions : "${f.environment} ${f.name}"
      if(f.service_config[0].ingress_settings == "ALLOW_ALL") != (f.name == "webhook")
    ] == []
    error_message = "Only the webhook takes requests from outside."
  }

  assert {
    condition = alltrue([
      for environment, r in var.environments :
      toset([for g in output.grants : "${g.on} ${g.role} ${g.member}" if g.environment == environment && startswith(g.on, "secret ")]) == toset(concat(
        flatten([
          for name, f in var.pipeline.functions : [
            for secret in try(f.secrets, []) :
            "secret ${var.pipeline.secrets[secret].id} roles/secretmanager.secretAccessor ${r.function_accounts[name].member}"
          ]
        ]),
        flatten([
          for member in yamldecode(file("environments/${environment}/values.yaml")).operators : [
            for secret in values(var.pipeline.secrets) : [
              "secret ${secret.id} roles/secretmanager.secretAccessor ${member}",
              "secret ${secret.id} roles/secretmanager.secretVersionManager ${member}",
            ]
          ]
        ]),
      ))
    ])
    error_message = "A secret is readable by others than the functions that need it and the operators."
  }

  assert {
    condition = alltrue([
      for environment, r in var.environments :
      toset([for g in output.grants : "${g.on} ${g.role} ${g.member}" if g.environment == environment && startswith(g.on, "table ")]) == toset(concat(
        [
          for table in keys(var.pipeline.bigquery.tables) :
          "table ${table} roles/bigquery.dataEditor ${table == "message_outcomes" ? r.pubsub_agent : r.function_accounts.warehouse.member}"
        ],
        [
          for table in ["message_outcomes", "sends_without_outcome", "webhook_events"] :
          "table ${table} roles/bigquery.dataViewer ${r.function_accounts.probe.member}"
        ],
        ["table names roles/bigquery.dataEditor ${r.function_accounts.probe.member}"],
      ))
    ])
    error_message = "The warehouse function must be able to write to each table but the record, which is Pub/Sub's, the probe to read what it looks for and counts and to write names, and nobody else."
  }

  assert {
    condition = alltrue([
      for environment, r in var.environments : toset([
        for g in output.grants : "${g.role} ${g.member} ${coalesce(g.condition, "always")}" if g.environment == environment && g.on == "project"
        ]) == toset(concat(
        [
          "roles/bigquery.jobUser ${r.function_accounts.probe.member} always",
          "roles/datastore.user ${r.function_accounts.transactional.member} resource.name == \"projects/${r.ledger.project}/databases/send-ledger\"",
          "roles/logging.logWriter ${r.accounts.build.member} always",
          join(" ", ["roles/storage.objectViewer", r.accounts.build.member, join(" || ", [
            for prefix in ["gcf-v2-sources-", "gcf-v2-uploads-", "run-sources-"] : "resource.name.startsWith(\"projects/_/buckets/${prefix}\")"
          ])]),
        ],
        [for member in yamldecode(file("environments/${environment}/values.yaml")).readers : "roles/bigquery.jobUser ${member} always"],
        flatten([for member in yamldecode(file("environments/${environment}/values.yaml")).operators : [
          "roles/datastore.user ${member} resource.name == \"projects/${r.ledger.project}/databases/send-ledger\"",
          "roles/bigquery.jobUser ${member} always",
          "roles/logging.viewer ${member} always",
          "roles/monitoring.viewer ${member} always",
          "roles/pubsub.viewer ${member} always",
        ]]),
      ))
    ])
    error_message = "On the project there are these permissions only: the probe's to query; the ledger's, limited to its database; the build's for its log and, in the buckets of Cloud Functions, its source; readers may run queries, and operators look at logs, metrics and Pub/Sub."
  }

  assert {
    condition = alltrue([
      for environment, r in var.environments : toset([
        for g in output.grants : "${g.on} ${g.member}" if g.environment == environment && g.role == "roles/iam.serviceAccountUser"
        ]) == toset(concat(
        [
          for account in values(r.accounts) : "account ${account.email} serviceAccount:github-apply@acme-customerio-${environment}.iam.gserviceaccount.com"
          if environment != "dev"
        ],
        flatten([for account in values(r.push_accounts) : [
          for member in yamldecode(file("environments/${environment}/values.yaml")).operators : "account ${account.email} ${member}"
        ]]),
      ))
    ])
    error_message = "Only deployers may act as an account, and they as each that is made here; operators act as those that push, to resume a subscription."
  }

  assert {
    condition = [
      for g in output.grants : "${g.environment} ${g.on} ${g.role}"
      if contains(["roles/owner", "roles/editor", "roles/viewer"], g.role)
    ] == []
    error_message = "A basic role is granted."
  }

  assert {
    condition = [
      for g in output.grants : "${g.environment} ${g.role}"
      if g.on == "project" && can(regex("serviceAccount|iam\\.|\\.admin$", g.role))
    ] == []
    error_message = "An account may act as others, or administer, in the whole project."
  }

  assert {
    condition = alltrue([
      for f in output.functions : (
        f.service_config[0].service_account_email == "${f.name}-function@mock.iam.gserviceaccount.com"
        && f.build_config[0].service_account == "projects/mock/serviceAccounts/customerio-build@mock.iam.gserviceaccount.com"
      )
    ])
    error_message = "A function does not run as itself, or is not built by the build account."
  }

  assert {
    condition = alltrue([
      for environment, r in var.environments : toset([
        for a in r.dataset.access : join(" ", compact([a.role, a.special_group, a.group_by_email, a.user_by_email]))
        ]) == toset(concat(
        ["OWNER projectOwners"],
        environment == "dev" ? [] : ["READER analysts@acme.example"],
        environment == "dev" ? [] : [environment == "prod" ? "WRITER customerio-oncall@acme.example" : "WRITER customerio-team@acme.example"],
        ["roles/bigquery.metadataViewer probe-function@mock.iam.gserviceaccount.com"],
      ))
    ])
    error_message = "The dataset is readable by others than its owners, readers and operators, such as every Viewer of the project."
  }

  assert {
    condition = alltrue([
      for environment, r in var.environments : jsonencode(sort(distinct([
        for g in output.grants : "${g.on} ${g.role}"
        if g.environment == environment && contains(yamldecode(file("environments/${environment}/values.yaml")).operators, g.member) && can(regex("^(topic|subscription) ", g.on))
        ]))) == jsonencode(sort(concat(
        [for topic in ["identify", "message-outcomes", "probe", "track", "transactional", "webhook-events"] : "topic ${topic} roles/pubsub.publisher" if environment != "dev"],
        [for name, s in var.pipeline.subscriptions : "subscription ${name} roles/pubsub.subscriber" if !can(s.push) && !can(s.bigquery) && environment != "dev"],
        [for name, s in var.pipeline.subscriptions : "subscription ${name} projects/mock/roles/customerio_pauser" if can(s.push) && environment != "dev"],
      )))
    ])
    error_message = "Operators may replay to the topics that functions read, tell the record what they did, start a round of the probe, pull dead letters and reminders, and pause what pushes, and nothing else of Pub/Sub."
  }

  assert {
    condition = alltrue([
      for r in values(var.environments) :
      r.audit.service == "secretmanager.googleapis.com" && [for c in r.audit.audit_log_config : c.log_type if length(coalesce(c.exempted_members, [])) == 0] == ["DATA_READ"]
    ])
    error_message = "Reads of secrets are not recorded, or somebody's are not."
  }

  # ---- functions ----------------------------------------------------------------------------------

  assert {
    condition = alltrue([
      for f in output.functions : (
        f.build_config[0].runtime == "nodejs24"
        && f.build_config[0].entry_point == var.pipeline.functions[f.name].entry_point
        && f.service_config[0].available_memory == var.pipeline.functions[f.name].memory
        && f.service_config[0].available_cpu == var.pipeline.functions[f.name].cpu
        && f.service_config[0].max_instance_request_concurrency == var.pipeline.functions[f.name].concurrency
        && f.service_config[0].max_instance_count == var.pipeline.functions[f.name].max_instances
        && f.service_config[0].timeout_seconds == var.pipeline.functions[f.name].timeout_seconds
        && f.service_config[0].min_instance_count == (f.environment == "prod" && f.name == "webhook" ? 1 : 0)
      )
    ])
    error_message = "A function differs from what pipeline.yaml says of it, or something but the webhook in prod is kept warm."
  }

  assert {
    condition = alltrue([
      for r in values(var.environments) : alltrue([
        for name, object in r.bundles : can(regex("^${name}/[0-9a-f]{64}\\.zip$", object))
      ])
    ])
    error_message = "The name of a bundle does not carry the hash of its content, so a change would not be deployed."
  }

  assert {
    condition     = alltrue([for r in values(var.environments) : toset(r.kept_bundles) == toset(values(r.bundles))])
    error_message = "A bundle is deleted when another takes its place: there is no way back to it."
  }

  # shared/config parses the same file in a Jest test, so that what is deployed is what the functions accept.
  assert {
    condition = jsonencode({
      for environment, r in var.environments : environment => { for name, f in r.functions : name => f.service_config[0].environment_variables }
    }) == jsonencode(jsondecode(file("tests/fixtures/function-environments.json")))
    error_message = "The functions' variables have changed. If that is meant, save this as tests/fixtures/function-environments.json: ${jsonencode({
      for environment, r in var.environments : environment => { for name, f in r.functions : name => f.service_config[0].environment_variables }
    })}"
  }

  assert {
    condition = alltrue([
      for f in output.functions : toset([
        for volume in f.service_config[0].secret_volumes : "${volume.mount_path}/${volume.versions[0].path} ${volume.secret} ${volume.versions[0].version}"
        ]) == toset([
        for secret in try(var.pipeline.functions[f.name].secrets, []) :
        "${f.service_config[0].environment_variables["${secret}_FILE"]} ${var.pipeline.secrets[secret].id} latest"
      ])
    ])
    error_message = "A function's …_FILE variable does not lead to where its secret is mounted, at the version latest."
  }

  # ---- secrets and data ---------------------------------------------------------------------------

  assert {
    condition     = alltrue(flatten([for r in values(var.environments) : [for version in values(r.secret_versions) : !version.in_state]]))
    error_message = "The value of a secret is in Terraform's state."
  }

  # The first value is write-only, so no plan shows it: the code is read instead.
  assert {
    condition     = output.secret_data == ["secret_data_wo = \"unset\"", "secret_data_wo_version = \"1\""]
    error_message = "A secret gets another value than the word unset."
  }

  assert {
    condition = alltrue([
      for environment, r in var.environments : alltrue([
        for name, table in r.tables : (
          table.deletion_protection == (environment != "dev")
          && table.clustering == tolist(var.pipeline.bigquery.tables[name].clustering)
          && table.time_partitioning[0].field == var.pipeline.bigquery.tables[name].partition_field
          && table.time_partitioning[0].type == var.pipeline.bigquery.tables[name].partition_type
        )
      ]) && r.dataset.delete_contents_on_destroy == (environment == "dev") && r.dataset.max_time_travel_hours == "48"
    ])
    error_message = "A table is not protected in staging or prod, or differs from what pipeline.yaml says of it."
  }

  assert {
    condition = alltrue([
      for environment, days in { dev = 60, staging = 400, prod = 0 } : (
        try(tonumber(var.environments[environment].tables.webhook_events.time_partitioning[0].expiration_ms), 0) == days * 86400000
      )
    ])
    error_message = "Partitions of webhook_events do not expire after webhook_events_expiration_days."
  }

  assert {
    condition = alltrue([
      for environment, days in { dev = 30, staging = 90, prod = 180 } : (
        try(tonumber(var.environments[environment].tables.message_outcomes.time_partitioning[0].expiration_ms), 0) == days * 86400000
      )
    ])
    error_message = "Partitions of message_outcomes do not expire after message_outcomes_expiration_days."
  }

  assert {
    condition = alltrue([
      for r in values(var.environments) : alltrue([
        for name in ["subscription_changes", "webhook_quarantine", "names"] : (
          try(tonumber(r.tables[name].time_partitioning[0].expiration_ms), 0) == 0
        )
      ])
    ])
    error_message = "A table that must never forget has partitions that expire."
  }

  assert {
    condition = alltrue([
      for r in values(var.environments) : alltrue([
        for view in values(r.views) : !view.view[0].use_legacy_sql && !strcontains(view.view[0].query, "$${")
        && strcontains(view.view[0].query, "${r.dataset.project}.customerio.")
      ])
    ])
    error_message = "A view uses legacy SQL or does not name this project's dataset."
  }

  assert {
    condition = alltrue([
      for environment, r in var.environments : (
        join(",", [for b in r.backups : "${b.database} ${b.retention} ${length(b.daily_recurrence)}"]) == (environment == "dev" ? "" : "send-ledger 604800s 1")
        && (r.ledger.point_in_time_recovery_enablement == "POINT_IN_TIME_RECOVERY_ENABLED") == (environment != "dev")
      )
    ])
    error_message = "The send ledger of staging or prod has no daily backup, or cannot be restored to a minute."
  }

  assert {
    condition     = alltrue([for r in values(var.environments) : length(r.budgets) == 0])
    error_message = "There is a budget although none is asked for."
  }

  assert {
    condition = alltrue([
      for r in values(var.environments) : alltrue([
        for each in concat(values(r.views), values(r.table_functions)) :
        length(each.description) > 40 && !strcontains(each.description, "--") && !strcontains(each.description, "\n")
      ])
    ])
    error_message = "A view or table function is not described by the comment above its query."
  }

  assert {
    condition = alltrue([
      for r in values(var.environments) : alltrue([
        for name, function in r.table_functions : !strcontains(function.definition_body, "$${")
        && length(regexall("`${r.dataset.project}.customerio.${var.pipeline.bigquery.table_functions[name].over}`", function.definition_body))
        == length(regexall("`[$]", file(var.pipeline.bigquery.table_functions[name].query)))
        && join(" ", function.arguments[*].name) == join(" ", var.pipeline.bigquery.table_functions[name].arguments[*].name)
      ])
    ])
    error_message = "A table function does not read its table through its own query alone, or has other arguments than in pipeline.yaml."
  }

  assert {
    condition = alltrue([
      for environment, r in var.environments :
      r.ledger.name == "send-ledger" && (r.ledger.delete_protection_state == "DELETE_PROTECTION_ENABLED") == (environment != "dev")
    ])
    error_message = "The send ledger is not protected in staging or prod."
  }

  assert {
    condition = alltrue([
      for r in values(var.environments) : (
        r.ledger_fields.ttl.field == var.pipeline.ledger.ttl_field
        && length(r.ledger_fields.ttl.ttl_config) == 1
        && toset([for f in values(r.ledger_fields) : f.field if length(f.index_config[0].indexes) > 0]) == toset(concat(var.pipeline.ledger.indexed_fields, var.pipeline.ledger.indexed_lists))
        && toset([for f in values(r.ledger_fields) : f.field if try(one(f.index_config[0].indexes).array_config, null) == "CONTAINS"]) == toset(var.pipeline.ledger.indexed_lists)
        && contains([for f in values(r.ledger_fields) : f.field if length(f.index_config[0].indexes) == 0], "*")
        && alltrue([for f in values(r.ledger_fields) : f.database == r.ledger.name && f.collection == var.pipeline.ledger.collection])
      )
    ])
    error_message = "The ledger's records do not expire, or other fields than those it is asked by are indexed."
  }

  # ---- the probe ----------------------------------------------------------------------------------

  assert {
    condition = alltrue([
      for environment, r in var.environments : (
        length(r.probe_jobs) == (environment == "dev" ? 0 : 1)
        && contains(keys(r.alerts), "probe") == (environment != "dev")
        && alltrue([
          for job in values(r.probe_jobs) :
          basename(job.pubsub_target[0].topic_name) == var.pipeline.probe.topic && job.schedule == var.pipeline.probe.schedule
        ])
        && length(r.names_jobs) == length(r.probe_jobs)
        && alltrue([
          for job in values(r.names_jobs) :
          basename(job.pubsub_target[0].topic_name) == var.pipeline.probe.topic && job.schedule == var.pipeline.probe.names_schedule && job.pubsub_target[0].attributes == tomap({ task = "names" })
        ])
      )
    ])
    error_message = "The probe's rounds and the fetching of names are started, and watched by the alert, in staging and prod and not in dev."
  }

  assert {
    condition = alltrue([
      for environment, r in var.environments :
      toset([
        for g in output.grants : g.on
        if g.environment == environment && g.role == "roles/pubsub.publisher" && g.member == r.function_accounts.probe.member
      ]) == toset([for topic in var.pipeline.functions.probe.probes : "topic ${topic}"])
    ])
    error_message = "The probe must be able to publish to the topics that it probes, and to no other."
  }

  assert {
    condition = alltrue([
      for environment, r in var.environments : alltrue([
        for name in ["identify", "track", "transactional", "warehouse"] :
        toset([
          for g in output.grants : g.on
          if g.environment == environment && g.role == "roles/pubsub.publisher" && g.member == r.function_accounts[name].member
        ]) == toset(concat(["topic ${name}-dead-letter"], try(var.pipeline.functions[name].moves_floods, false) ? ["topic ${name}"] : []))
      ])
    ])
    error_message = "A function that dead-letters must be able to publish to its dead-letter topic, to its own topic if it moves floods, and to no other."
  }

  # ---- alerts -------------------------------------------------------------------------------------

  assert {
    condition = [
      for use in output.metric_uses : "${use.environment} ${use.by}: ${use.metric}" if !contains(concat(
        [for metric in values(var.environments[use.environment].metrics) : "logging.googleapis.com/user/${metric.name}"],
        [
          "pubsub.googleapis.com/subscription/dead_letter_message_count",
          "pubsub.googleapis.com/subscription/num_undelivered_messages",
          "pubsub.googleapis.com/subscription/oldest_unacked_message_age",
          "pubsub.googleapis.com/subscription/push_request_count",
          "run.googleapis.com/container/instance_count",
          "logging.googleapis.com/exports/error_count",
        ],
      ), use.metric)
    ] == []
    error_message = "An alert, SLO or chart reads a metric that does not exist."
  }

  # Every condition reads a metric, directly or through an SLO of the same environment.
  assert {
    condition = alltrue(flatten([
      for r in values(var.environments) : [
        for alert in values(r.alerts) : [
          for c in alert.conditions : [
            for t in c.condition_threshold : (
              strcontains(t.filter, "metric.type=\"")
              || contains([for slo in values(r.slos) : "select_slo_burn_rate(\"${slo.id}\""], try(regex("^[^,]+", t.filter), ""))
            )
          ]
        ]
      ]
    ]))
    error_message = "An alert reads neither a metric nor an SLO of its environment."
  }

  assert {
    condition = alltrue(flatten([
      for environment, r in var.environments : [
        for alert in values(r.alerts) : (
          fileexists("runbooks/${basename(alert.documentation[0].links[0].url)}")
          && length(alert.documentation[0].content) > 100
          && (environment == "dev" || length(alert.notification_channels) > 0)
        )
      ]
    ]))
    error_message = "An alert has no text, leads to a runbook that does not exist, or tells nobody."
  }

  # Jest feeds these alerts what they watch, and their neighbours what they must not mind.
  assert {
    condition     = jsonencode(output.monitoring.prod) == jsonencode(jsondecode(file("tests/fixtures/monitoring.json")))
    error_message = "Metrics, alerts or SLOs of prod have changed. If that is meant, save this as tests/fixtures/monitoring.json: ${jsonencode(output.monitoring.prod)}"
  }

  # The others differ in what they are called and told only.
  assert {
    condition = alltrue([
      for environment, m in output.monitoring : (
        keys(m.metrics) == keys(output.monitoring.prod.metrics) && keys(m.slos) == keys(output.monitoring.prod.slos)
        && keys(m.alerts) == [
          for name in keys(output.monitoring.prod.alerts) : name
          if(name != "webhook-silence" || environment == "prod") && (!startswith(name, "probe") || environment != "dev")
        ]
      )
    ])
    error_message = "An environment lacks a metric, an SLO or an alert, or has another."
  }

  assert {
    condition = alltrue([
      for environment, m in output.monitoring : length(m.exclusions) == (environment == "dev" ? 0 : 2)
    ])
    error_message = "Request lines, or those of delivered messages, are kept or left out against their share."
  }

  # The API leaves a position of zero out, so that a plan would show a change forever.
  assert {
    condition = alltrue(flatten([
      for r in values(var.environments) : [for tile in jsondecode(r.dashboard.dashboard_json).mosaicLayout.tiles : [
        try(tile.xPos, 1) != 0, try(tile.yPos, 1) != 0, tile.width != 0, tile.height != 0,
      ]]
    ]))
    error_message = "A tile of the dashboard has a zero, which the API leaves out."
  }
}
