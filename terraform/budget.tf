# Tells somebody that the project costs more than was planned. It stops nothing. An option: a budget belongs to the billing
# account, on which whoever applies needs roles/billing.costsManager. With a person's credentials the provider has to name a
# project (README.md), as the documentation of google_billing_budget says; not tried.

locals {
  budget = var.budget == null ? {} : { budget = var.budget }

  # Budgets notify by e-mail only, and at most five channels: https://cloud.google.com/billing/docs/how-to/budgets-notification-recipients
  budget_channels = slice(
    sort([for name, channel in var.notification_channels : name if channel.type == "email"]),
    0, min(5, length([for channel in values(var.notification_channels) : channel if channel.type == "email"])),
  )
}

resource "google_project_service" "budgets" {
  for_each = local.budget

  project            = var.project_id
  service            = "billingbudgets.googleapis.com"
  disable_on_destroy = false
}

# The API keeps the project's number, whatever it is given: its id would show as a change in every plan.
data "google_project" "budgeted" {
  for_each = local.budget

  project_id = var.project_id
}

resource "google_billing_budget" "project" {
  for_each = local.budget

  billing_account = each.value.billing_account
  display_name    = "Customer.io ${local.display_environment}"

  budget_filter {
    projects = ["projects/${data.google_project.budgeted[each.key].number}"]
  }

  amount {
    specified_amount {
      currency_code = each.value.currency
      units         = tostring(each.value.amount_per_month)
    }
  }

  dynamic "threshold_rules" {
    for_each = toset([0.5, 0.9, 1])
    content {
      threshold_percent = threshold_rules.value
    }
  }

  threshold_rules {
    threshold_percent = 1
    spend_basis       = "FORECASTED_SPEND"
  }

  dynamic "all_updates_rule" {
    for_each = length(local.budget_channels) > 0 ? [local.budget_channels] : []
    content {
      monitoring_notification_channels = [for name in all_updates_rule.value : google_monitoring_notification_channel.channel[name].name]
    }
  }

  depends_on = [google_project_service.budgets]
}
