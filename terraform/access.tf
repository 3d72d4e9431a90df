# Who may read what Customer.io reports, and who may operate the pipeline with `cio-gcp`, besides the project's owners.

locals {
  # The whole access list of the dataset. Without one BigQuery writes its own, by which every Viewer of the project reads
  # e-mail addresses (https://cloud.google.com/bigquery/docs/access-control-basic-roles). Readers' views are in the same
  # dataset as the tables, so a reader reads both.
  dataset_access = concat(
    [{ role = "OWNER", special_group = "projectOwners", member = null }],
    [for member in var.readers : { role = "READER", special_group = null, member = member }],
    # `erase`, `quarantine replay`: rows are deleted.
    [for member in var.operators : { role = "WRITER", special_group = null, member = member }],
    # Names and definitions, no data: the probe calls a table function, on which no role can be given by itself.
    [for name in keys(local.probe_functions) : { role = "roles/bigquery.metadataViewer", special_group = null, member = local.members["${name}-function"] }],
  )

  # What the commands need beyond single topics, subscriptions and secrets, with the command that needs it.
  operator_project_roles = {
    "roles/bigquery.jobUser"  = "to run queries: access, erase, quarantine, trace"
    "roles/logging.viewer"    = "to read the logs, and the addresses of Customer.io: doctor. Data Access logs stay closed"
    "roles/monitoring.viewer" = "to read backlogs and answers to webhooks: doctor"
    "roles/pubsub.viewer"     = "to compare topics and subscriptions with pipeline.yaml: doctor"
  }
  reader_project_roles = { "roles/bigquery.jobUser" = "to run queries, paid by this project" }

  project_access = merge(
    { for pair in setproduct(var.readers, keys(local.reader_project_roles)) : "${pair[0]} ${pair[1]}" => { member = pair[0], role = pair[1] } },
    { for pair in setproduct(var.operators, keys(local.operator_project_roles)) : "${pair[0]} ${pair[1]}" => { member = pair[0], role = pair[1] } },
  )

  # `dlq replay` and `quarantine replay` publish to what functions read, and commands tell the record what they did; dead
  # letters are published by functions only.
  operator_topics        = toset([for s in values(merge(local.push_subscriptions, local.table_subscriptions)) : s.topic])
  operator_subscriptions = toset([for name, s in local.subscriptions : name if s.push == null && s.bigquery == null])
}

resource "google_project_iam_member" "access" {
  for_each = local.project_access

  project = var.project_id
  role    = each.value.role
  member  = each.value.member
}

# `dlq settle`, `access` and `erase` read and write the ledger's records.
resource "google_project_iam_member" "operator_ledger" {
  for_each = var.operators

  project = var.project_id
  role    = "roles/datastore.user"
  member  = each.value

  condition {
    title       = "send ledger only"
    description = "Documents of the database ${google_firestore_database.ledger.name}."
    expression  = local.ledger_only
  }
}

resource "google_pubsub_topic_iam_member" "operator" {
  for_each = { for pair in setproduct(local.operator_topics, var.operators) : "${pair[0]} ${pair[1]}" => { topic = pair[0], member = pair[1] } }

  project = var.project_id
  topic   = google_pubsub_topic.topic[each.value.topic].id
  role    = "roles/pubsub.publisher"
  member  = each.value.member

  depends_on = [google_pubsub_subscription.subscription] # Pub/Sub drops what is published before
}

resource "google_pubsub_subscription_iam_member" "operator" {
  for_each = { for pair in setproduct(local.operator_subscriptions, var.operators) : "${pair[0]} ${pair[1]}" => { subscription = pair[0], member = pair[1] } }

  project      = var.project_id
  subscription = google_pubsub_subscription.subscription[each.value.subscription].id # by id: replaced together with it
  role         = "roles/pubsub.subscriber"
  member       = each.value.member
}

# `secrets check` reads a value to try it at Customer.io, `secrets set` and `rotate` add and disable versions.
resource "google_secret_manager_secret_iam_member" "operator" {
  for_each = {
    for triple in setproduct(keys(var.pipeline.secrets), var.operators, ["roles/secretmanager.secretAccessor", "roles/secretmanager.secretVersionManager"]) :
    join(" ", triple) => { secret = triple[0], member = triple[1], role = triple[2] }
  }

  project   = var.project_id
  secret_id = google_secret_manager_secret.secret[each.value.secret].id
  role      = each.value.role
  member    = each.value.member
}

# `pause` and `resume` change a subscription. Google's own roles that may do so may delete one too, with what waits in it.
resource "google_project_iam_custom_role" "pauser" {
  project     = var.project_id
  role_id     = local.names.pauser
  title       = "Customer.io: ${var.name_prefix}pause and resume subscriptions"
  description = "To change a subscription, but not to delete it: cio-gcp pause and resume."
  permissions = ["pubsub.subscriptions.get", "pubsub.subscriptions.update"]

  depends_on = [time_sleep.services]
}

resource "google_pubsub_subscription_iam_member" "pauser" {
  for_each = { for pair in setproduct(keys(local.push_subscriptions), var.operators) : "${pair[0]} ${pair[1]}" => { subscription = pair[0], member = pair[1] } }

  project      = var.project_id
  subscription = google_pubsub_subscription.subscription[each.value.subscription].id # by id: replaced together with it
  role         = google_project_iam_custom_role.pauser.name
  member       = each.value.member
}

# Whoever gives a subscription an account to push as must be allowed to act as that account: `resume`.
resource "google_service_account_iam_member" "resumer" {
  for_each = { for pair in setproduct(keys(local.push_subscriptions), var.operators) : "${pair[0]} ${pair[1]}" => { subscription = pair[0], member = pair[1] } }

  service_account_id = google_service_account.push[each.value.subscription].name
  role               = "roles/iam.serviceAccountUser"
  member             = each.value.member
}

# `replay` makes a subscription, reads it, and removes it. Pub/Sub knows no role for some subscriptions of a project by their
# names, and with this one every backlog of the project can be read or removed. So nobody has it for good: an owner gives it
# to an operator for some hours, by the command that `replay` prints. The account that applies could not give it either:
# whoever may change a role and give it on the project makes themselves its owner.
resource "google_project_iam_custom_role" "replayer" {
  project     = var.project_id
  role_id     = local.names.replayer
  title       = "Customer.io: ${var.name_prefix}replay topics"
  description = "To read topics through subscriptions of one's own: cio-gcp replay. Give it to operators for some hours."
  permissions = [
    "pubsub.subscriptions.consume",
    "pubsub.subscriptions.create",
    "pubsub.subscriptions.delete",
    "pubsub.topics.attachSubscription",
  ]

  depends_on = [time_sleep.services]
}
