# What is not kept of the logs. Cloud Run writes a line per request besides ours, which has nothing that ours lacks unless the
# request failed. By list price it is the largest item of the bill at volume.
#
# Metrics count a line whether it is kept or not (https://cloud.google.com/logging/docs/logs-based-metrics), so alerts, SLOs and
# the dashboard see all of them. A project has room for ten exclusions of its own in the sink `_Default`.

resource "google_logging_project_exclusion" "requests" {
  project     = var.project_id
  name        = local.names.exclusions.requests
  description = "Request lines of the Customer.io pipeline's functions below 400, except for a share of ${var.request_log_share}."
  filter      = "${local.logs.requests} AND httpRequest.status<400 AND sample(insertId, ${1 - var.request_log_share})"
  disabled    = var.request_log_share == 1 # a sample of nothing is no filter

  depends_on = [time_sleep.services]
}
