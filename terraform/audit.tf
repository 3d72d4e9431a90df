# Who read the value of a secret, and when: Secret Manager records that only when it is told to. No reader is exempt, not
# even a function, whose token could be stolen. Each running instance reads its secrets once per minute: cost/model.yaml
# counts these lines. This is the whole audit configuration of this one service in the project: what was set by hand for it
# is replaced.
resource "google_project_iam_audit_config" "secrets" {
  project = var.project_id
  service = "secretmanager.googleapis.com"

  # AccessSecretVersion is the only method of this type: https://cloud.google.com/secret-manager/docs/audit-logging
  audit_log_config {
    log_type = "DATA_READ"
  }

  depends_on = [time_sleep.services]
}
