# The functions themselves: their credentials, defects, memory and roll-outs, and who reads their secrets. The form of an entry
# is described in alerts.tf.

locals {
  function_alerts = {
    credentials = {
      title    = "credentials are refused or unset"
      severity = "CRITICAL"
      text     = "A secret still holds `unset`, cannot be read, or is refused by Customer.io. Messages wait and are retried; nothing is lost before their retention of 7 days ends."
      conditions = {
        # A 401 is logged so only when reading the secrets again did not help, and an unset secret always.
        "our configuration is refused" = {
          filter   = format(local.function_metric, local.metric_types.configuration_refused)
          aligner  = "ALIGN_DELTA"
          group_by = ["metric.label.function", "metric.label.http_status"]
        }
        # One read that fails is harmless: the function goes on with the value it has.
        "a secret stays unreadable" = {
          filter   = "${format(local.function_metric, local.metric_types.secret_problems)} AND metric.labels.event=\"secret_read_failed\""
          aligner  = "ALIGN_DELTA"
          group_by = ["metric.label.function", "metric.label.secret"]
          minutes  = 10
        }
        "the webhook has no signing keys" = {
          filter   = "${format(local.function_metric, local.metric_types.webhook_answers)} AND metric.labels.reason=\"not_configured\""
          aligner  = "ALIGN_DELTA"
          group_by = ["metric.label.reason"]
        }
      }
    }
    function-errors = {
      title    = "a function logs errors or crashes"
      severity = "ERROR"
      text     = "A function wrote more than ${var.alert_thresholds.error_log_count} lines of severity ERROR in five minutes, or an instance crashed or did not start: a defect, or trouble of Google's."
      conditions = {
        "error lines" = {
          filter    = format(local.function_metric, local.metric_types.error_lines)
          aligner   = "ALIGN_DELTA"
          group_by  = ["resource.label.service_name"]
          threshold = var.alert_thresholds.error_log_count
        }
        "an instance crashed or did not start" = {
          filter   = format(local.function_metric, local.metric_types.crashes)
          aligner  = "ALIGN_DELTA"
          group_by = ["resource.label.service_name"]
        }
      }
    }
    out-of-memory = {
      title    = "a function runs out of memory"
      severity = "ERROR"
      text     = "Cloud Run ended an instance because it took more memory than it has. What it held is delivered again."
      conditions = {
        "an instance ran out of memory" = {
          filter   = format(local.function_metric, local.metric_types.out_of_memory)
          aligner  = "ALIGN_DELTA"
          group_by = ["resource.label.service_name"]
        }
      }
    }
    # https://cloud.google.com/run/docs/audit-logging, https://cloud.google.com/functions/docs/monitoring/audit-logging: an
    # operation's end and a revision that does not become ready are logged as ERROR when they fail.
    roll-out = {
      title    = "a roll-out failed"
      severity = "ERROR"
      text     = "A deployment of a function failed. The revision before it still serves."
      conditions = {
        "a deployment ended in an error" = {
          log = join(" AND ", [
            "severity>=ERROR",
            "logName=(\"projects/${var.project_id}/logs/cloudaudit.googleapis.com%2Factivity\" OR \"projects/${var.project_id}/logs/cloudaudit.googleapis.com%2Fsystem_event\")",
            "protoPayload.serviceName=(\"cloudfunctions.googleapis.com\" OR \"run.googleapis.com\")",
            "(resource.labels.function_name=(${local.function_names}) OR resource.labels.service_name=(${local.function_names}))",
          ])
          labels = { what = "protoPayload.methodName", resource = "protoPayload.resourceName" }
        }
      }
    }
    # Version 1 holds the word `unset`, which Terraform may read when it refreshes its state.
    secret-read = {
      title    = "somebody other than a function read a secret"
      severity = "WARNING"
      text     = "A credential of Customer.io was read by somebody other than the functions. The alert says by whom and which."
      conditions = {
        "a secret was read" = {
          log = join(" AND ", [
            "logName=\"projects/${var.project_id}/logs/cloudaudit.googleapis.com%2Fdata_access\"",
            "protoPayload.serviceName=\"secretmanager.googleapis.com\"",
            "protoPayload.methodName:\"AccessSecretVersion\"",
            "protoPayload.resourceName=~\"/secrets/(${join("|", [for name, secret in local.names.secrets : secret if var.pipeline.secrets[name].is_credential])})/\"",
            "NOT protoPayload.resourceName=~\"/versions/1$\"",
            "NOT protoPayload.authenticationInfo.principalEmail=(${join(" OR ", [for account in values(google_service_account.function) : "\"${account.email}\""])})",
          ])
          labels = { who = "protoPayload.authenticationInfo.principalEmail", secret = "protoPayload.resourceName" }
        }
      }
    }
    secret-rotation = {
      title    = "a secret is due for rotation"
      severity = "WARNING"
      text     = "A secret is ${var.pipeline.secret_rotation.period_days} days old. Rotating it needs no deployment and no pause. This stays open until the reminder is acknowledged."
      conditions = {
        "a reminder waits" = {
          filter   = "${format(local.pubsub_metric, "num_undelivered_messages")} AND ${local.reminder_subscriptions}"
          aligner  = "ALIGN_MAX"
          reducer  = "REDUCE_MAX"
          group_by = ["resource.label.subscription_id"]
        }
      }
    }
  }

  # The subscriptions let only SECRET_ROTATE through: Secret Manager publishes every change of a secret to the topic.
  reminder_subscriptions = "resource.labels.subscription_id=one_of(${join(", ", [
    for name, s in local.subscriptions : "\"${local.names.subscriptions[name]}\"" if s.topic == var.pipeline.secret_rotation.topic
  ])})"
}
