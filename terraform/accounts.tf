# Each function runs as itself, so that each can do only what it needs.
resource "google_service_account" "function" {
  for_each = local.functions

  project      = var.project_id
  account_id   = local.names.accounts["${each.key}-function"]
  display_name = "Customer.io: function ${local.names.functions[each.key]}"
  depends_on   = [time_sleep.services]
}

# Each push subscription has an account of its own: a token of one cannot call the function of another.
resource "google_service_account" "push" {
  for_each = local.push_subscriptions

  project      = var.project_id
  account_id   = local.names.accounts["${each.key}-push"]
  display_name = "Customer.io: push of subscription ${local.names.subscriptions[each.key]}"
  depends_on   = [time_sleep.services]
}

# Builds the functions' images, instead of the project's default account, which may do far more.
resource "google_service_account" "build" {
  project      = var.project_id
  account_id   = local.names.accounts["customerio-build"]
  display_name = "Customer.io: ${var.name_prefix}builds of functions"
  depends_on   = [time_sleep.services]
}

# Whoever is given a permission is named by local.members, and so is waited for.
resource "time_sleep" "accounts" {
  create_duration = local.settling.accounts
  triggers = merge(
    { for name, account in google_service_account.function : "${name}-function" => account.member },
    { for name, account in google_service_account.push : "${name}-push" => account.member },
    {
      build          = google_service_account.build.member
      scheduler      = google_project_service_identity.scheduler.member
      pubsub         = google_project_service_identity.pubsub.member
      secret-manager = google_project_service_identity.secret_manager.member
    },
  )
}

locals {
  # The member of each account that is made here, and of Google's own that act for its services.
  members = time_sleep.accounts.triggers
}

# To deploy something that runs as an account, one must be allowed to act as it: on each account, never on the project.
resource "google_service_account_iam_member" "deployer" {
  for_each = merge([
    for member in var.deployers : merge(
      { for name, account in google_service_account.function : "${name}-function ${member}" => { account = account.name, member = member } },
      { for name, account in google_service_account.push : "${name}-push ${member}" => { account = account.name, member = member } },
      { "build ${member}" = { account = google_service_account.build.name, member = member } },
    )
  ]...)

  service_account_id = each.value.account
  role               = "roles/iam.serviceAccountUser"
  member             = each.value.member
}
