resource "google_bigquery_dataset" "warehouse" {
  project                    = var.project_id
  dataset_id                 = local.names.dataset
  description                = "What Customer.io reports by webhook: events, changes of subscriptions, what could not be understood."
  location                   = coalesce(var.bigquery_location, var.region)
  labels                     = local.labels
  delete_contents_on_destroy = !var.deletion_protection
  max_time_travel_hours      = "48" # the least: what is erased stays readable for that long, and for 7 days of fail-safe by Google

  # An entry in the wrong one of these fields would come back in the right one, as a change in every plan.
  dynamic "access" {
    for_each = local.dataset_access
    content {
      role           = access.value.role
      special_group  = access.value.special_group
      group_by_email = try(regex("^group:(.+)$", access.value.member)[0], null)
      user_by_email  = try(regex("^(?:user|serviceAccount):(.+)$", access.value.member)[0], null)
    }
  }

  depends_on = [time_sleep.services]
}

resource "google_bigquery_table" "table" {
  for_each = var.pipeline.bigquery.tables

  project             = var.project_id
  dataset_id          = google_bigquery_dataset.warehouse.dataset_id
  table_id            = each.key
  schema              = file(local.files[each.value.schema])
  clustering          = each.value.clustering
  labels              = local.labels
  deletion_protection = var.deletion_protection

  time_partitioning {
    type          = each.value.partition_type
    field         = each.value.partition_field
    expiration_ms = try(local.expiration_days[each.key] * 86400000, null)
  }
}

locals {
  # The other tables must never forget: an opt-out, what nobody has looked at, a name.
  expiration_days = {
    webhook_events   = var.webhook_events_expiration_days
    message_outcomes = var.message_outcomes_expiration_days
  }
  warehouse_names = "${var.project_id}.${local.names.dataset}"
  # What stands above the SELECT of a query describes it.
  view_descriptions = {
    for name, each in merge(var.pipeline.bigquery.views, var.pipeline.bigquery.table_functions) :
    name => trimspace(replace(regex("^(?:--[^\n]*\n)+", file(local.files[each.query])), "/(?:^|\n)-- ?/", " "))
  }
  view_queries = {
    for name, view in var.pipeline.bigquery.views :
    name => replace(file(local.files[view.query]), "$${dataset}", local.warehouse_names)
  }
}

# A view holds no data, so nothing protects it from being replaced.
resource "google_bigquery_table" "view" {
  for_each = var.pipeline.bigquery.views

  project             = var.project_id
  dataset_id          = google_bigquery_dataset.warehouse.dataset_id
  table_id            = each.key
  description         = local.view_descriptions[each.key]
  labels              = local.labels
  deletion_protection = false

  view {
    query          = local.view_queries[each.key]
    use_legacy_sql = false
  }

  depends_on = [google_bigquery_table.table]
}

# A view that takes arguments: for filters that BigQuery cannot apply to the table when they stand outside the view.
resource "google_bigquery_routine" "table_function" {
  for_each = var.pipeline.bigquery.table_functions

  project      = var.project_id
  dataset_id   = google_bigquery_dataset.warehouse.dataset_id
  routine_id   = each.key
  description  = local.view_descriptions[each.key]
  routine_type = "TABLE_VALUED_FUNCTION"
  language     = "SQL"

  definition_body = replace(
    replace(file(local.files[each.value.query]), "$${dataset}", local.warehouse_names), "$${view}",
    replace(local.view_queries[each.value.view], "`${local.warehouse_names}.${each.value.over}`", each.value.over)
  )

  dynamic "arguments" {
    for_each = each.value.arguments
    content {
      name      = arguments.value.name
      data_type = jsonencode({ typeKind = arguments.value.type })
    }
  }

  depends_on = [google_bigquery_table.table]
}

locals {
  written_by_pubsub = { for s in values(local.table_subscriptions) : s.bigquery => true... }
}

# Pub/Sub writes to the table of a subscription, and to no other.
resource "google_bigquery_table_iam_member" "pubsub" {
  for_each = local.written_by_pubsub

  project    = var.project_id
  dataset_id = google_bigquery_table.table[each.key].dataset_id
  table_id   = google_bigquery_table.table[each.key].table_id
  role       = "roles/bigquery.dataEditor"
  member     = local.members["pubsub"]

  # A table that is replaced has lost its bindings.
  lifecycle {
    replace_triggered_by = [google_bigquery_table.table[each.key].id]
  }
}

# The one function that writes may write to the other tables, and to nothing else in the dataset.
resource "google_bigquery_table_iam_member" "writer" {
  for_each = { for name, table in var.pipeline.bigquery.tables : name => table if !contains(keys(local.written_by_pubsub), name) }

  project    = var.project_id
  dataset_id = google_bigquery_table.table[each.key].dataset_id
  table_id   = google_bigquery_table.table[each.key].table_id
  role       = "roles/bigquery.dataEditor"
  member     = local.members["${local.warehouse_function}-function"]

  # A table that is replaced has lost its bindings.
  lifecycle {
    replace_triggered_by = [google_bigquery_table.table[each.key].id]
  }
}
