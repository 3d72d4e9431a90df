# A ledger that is lost forgets what was sent: every message that is delivered again, or replayed, would be sent again.
# Point-in-time recovery (firestore.tf) goes back to any minute of the last seven days, within the database. Backups
# survive the database itself. README.md says how to restore, and what that costs.
resource "google_firestore_backup_schedule" "ledger" {
  count = var.ledger_backup_days > 0 ? 1 : 0

  project   = var.project_id
  database  = google_firestore_database.ledger.name
  retention = "${var.ledger_backup_days * 86400}s"

  daily_recurrence {}
}
