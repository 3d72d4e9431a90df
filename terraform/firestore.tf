# The send ledger: one document per transactional message, written before Customer.io is called.
resource "google_firestore_database" "ledger" {
  project                 = var.project_id
  name                    = local.names.ledger
  location_id             = coalesce(var.firestore_location, var.region)
  type                    = "FIRESTORE_NATIVE"
  delete_protection_state = var.deletion_protection ? "DELETE_PROTECTION_ENABLED" : "DELETE_PROTECTION_DISABLED"
  deletion_policy         = "DELETE" # refused by the API while protected, rather than silently left behind

  point_in_time_recovery_enablement = (
    var.ledger_backup_days > 0 ? "POINT_IN_TIME_RECOVERY_ENABLED" : "POINT_IN_TIME_RECOVERY_DISABLED"
  )

  depends_on = [time_sleep.services]
}

# Records end by themselves. Without an index: one over a rising time would limit the ledger to 500 writes per second.
resource "google_firestore_field" "ledger_ttl" {
  project    = var.project_id
  database   = google_firestore_database.ledger.name
  collection = var.pipeline.ledger.collection
  field      = var.pipeline.ledger.ttl_field

  ttl_config {}
  index_config {}
}

# Firestore indexes every field unless told otherwise, and each index is paid for with every write.
resource "google_firestore_field" "ledger_default" {
  project    = var.project_id
  database   = google_firestore_database.ledger.name
  collection = var.pipeline.ledger.collection
  field      = "*"

  index_config {}
}

# Queries by two of these fields are answered from both indexes; none needs one of its own.
resource "google_firestore_field" "ledger_indexed" {
  for_each = toset(var.pipeline.ledger.indexed_fields)

  project    = var.project_id
  database   = google_firestore_database.ledger.name
  collection = var.pipeline.ledger.collection
  field      = each.key

  index_config {
    indexes {
      order       = "ASCENDING"
      query_scope = "COLLECTION"
    }
  }
}

# Asked for one of their entries.
resource "google_firestore_field" "ledger_lists" {
  for_each = toset(var.pipeline.ledger.indexed_lists)

  project    = var.project_id
  database   = google_firestore_database.ledger.name
  collection = var.pipeline.ledger.collection
  field      = each.key

  index_config {
    indexes {
      array_config = "CONTAINS"
      query_scope  = "COLLECTION"
    }
  }
}

# Firestore has no bindings of its own for a database: the condition stands in for them.
locals {
  ledger_only = "resource.name == \"projects/${var.project_id}/databases/${google_firestore_database.ledger.name}\""
}

resource "google_project_iam_member" "ledger" {
  for_each = { for name, f in local.functions : name => f if f.ledger }

  project = var.project_id
  role    = "roles/datastore.user"
  member  = local.members["${each.key}-function"]

  condition {
    title       = "send ledger only"
    description = "Documents of the database ${google_firestore_database.ledger.name}."
    expression  = local.ledger_only
  }
}
