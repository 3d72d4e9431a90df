# Values the API would choose, in the form that the provider checks, and distinct: two accounts that looked alike would
# hide a binding to the wrong one. What is not here Terraform makes up.

override_resource {
  target = google_project_iam_custom_role.pauser
  values = { name = "projects/mock/roles/customerio_pauser" }
}

override_resource {
  target = google_project_iam_custom_role.replayer
  values = { name = "projects/mock/roles/customerio_replayer" }
}

mock_resource "google_artifact_registry_repository" {
  defaults = { id = "projects/mock/locations/europe-west1/repositories/images" }
}

override_resource {
  target = google_service_account.function["identify"]
  values = {
    id     = "projects/mock/serviceAccounts/identify-function@mock.iam.gserviceaccount.com"
    name   = "projects/mock/serviceAccounts/identify-function@mock.iam.gserviceaccount.com"
    email  = "identify-function@mock.iam.gserviceaccount.com"
    member = "serviceAccount:identify-function@mock.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_service_account.function["track"]
  values = {
    id     = "projects/mock/serviceAccounts/track-function@mock.iam.gserviceaccount.com"
    name   = "projects/mock/serviceAccounts/track-function@mock.iam.gserviceaccount.com"
    email  = "track-function@mock.iam.gserviceaccount.com"
    member = "serviceAccount:track-function@mock.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_service_account.function["transactional"]
  values = {
    id     = "projects/mock/serviceAccounts/transactional-function@mock.iam.gserviceaccount.com"
    name   = "projects/mock/serviceAccounts/transactional-function@mock.iam.gserviceaccount.com"
    email  = "transactional-function@mock.iam.gserviceaccount.com"
    member = "serviceAccount:transactional-function@mock.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_service_account.function["webhook"]
  values = {
    id     = "projects/mock/serviceAccounts/webhook-function@mock.iam.gserviceaccount.com"
    name   = "projects/mock/serviceAccounts/webhook-function@mock.iam.gserviceaccount.com"
    email  = "webhook-function@mock.iam.gserviceaccount.com"
    member = "serviceAccount:webhook-function@mock.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_service_account.function["warehouse"]
  values = {
    id     = "projects/mock/serviceAccounts/warehouse-function@mock.iam.gserviceaccount.com"
    name   = "projects/mock/serviceAccounts/warehouse-function@mock.iam.gserviceaccount.com"
    email  = "warehouse-function@mock.iam.gserviceaccount.com"
    member = "serviceAccount:warehouse-function@mock.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_service_account.function["probe"]
  values = {
    id     = "projects/mock/serviceAccounts/probe-function@mock.iam.gserviceaccount.com"
    name   = "projects/mock/serviceAccounts/probe-function@mock.iam.gserviceaccount.com"
    email  = "probe-function@mock.iam.gserviceaccount.com"
    member = "serviceAccount:probe-function@mock.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_service_account.push["identify"]
  values = {
    id     = "projects/mock/serviceAccounts/identify-push@mock.iam.gserviceaccount.com"
    name   = "projects/mock/serviceAccounts/identify-push@mock.iam.gserviceaccount.com"
    email  = "identify-push@mock.iam.gserviceaccount.com"
    member = "serviceAccount:identify-push@mock.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_service_account.push["identify-bulk"]
  values = {
    id     = "projects/mock/serviceAccounts/identify-bulk-push@mock.iam.gserviceaccount.com"
    name   = "projects/mock/serviceAccounts/identify-bulk-push@mock.iam.gserviceaccount.com"
    email  = "identify-bulk-push@mock.iam.gserviceaccount.com"
    member = "serviceAccount:identify-bulk-push@mock.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_service_account.push["track"]
  values = {
    id     = "projects/mock/serviceAccounts/track-push@mock.iam.gserviceaccount.com"
    name   = "projects/mock/serviceAccounts/track-push@mock.iam.gserviceaccount.com"
    email  = "track-push@mock.iam.gserviceaccount.com"
    member = "serviceAccount:track-push@mock.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_service_account.push["track-bulk"]
  values = {
    id     = "projects/mock/serviceAccounts/track-bulk-push@mock.iam.gserviceaccount.com"
    name   = "projects/mock/serviceAccounts/track-bulk-push@mock.iam.gserviceaccount.com"
    email  = "track-bulk-push@mock.iam.gserviceaccount.com"
    member = "serviceAccount:track-bulk-push@mock.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_service_account.push["transactional"]
  values = {
    id     = "projects/mock/serviceAccounts/transactional-push@mock.iam.gserviceaccount.com"
    name   = "projects/mock/serviceAccounts/transactional-push@mock.iam.gserviceaccount.com"
    email  = "transactional-push@mock.iam.gserviceaccount.com"
    member = "serviceAccount:transactional-push@mock.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_service_account.push["transactional-bulk"]
  values = {
    id     = "projects/mock/serviceAccounts/transactional-bulk-push@mock.iam.gserviceaccount.com"
    name   = "projects/mock/serviceAccounts/transactional-bulk-push@mock.iam.gserviceaccount.com"
    email  = "transactional-bulk-push@mock.iam.gserviceaccount.com"
    member = "serviceAccount:transactional-bulk-push@mock.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_service_account.push["warehouse"]
  values = {
    id     = "projects/mock/serviceAccounts/warehouse-push@mock.iam.gserviceaccount.com"
    name   = "projects/mock/serviceAccounts/warehouse-push@mock.iam.gserviceaccount.com"
    email  = "warehouse-push@mock.iam.gserviceaccount.com"
    member = "serviceAccount:warehouse-push@mock.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_service_account.push["probe"]
  values = {
    id     = "projects/mock/serviceAccounts/probe-push@mock.iam.gserviceaccount.com"
    name   = "projects/mock/serviceAccounts/probe-push@mock.iam.gserviceaccount.com"
    email  = "probe-push@mock.iam.gserviceaccount.com"
    member = "serviceAccount:probe-push@mock.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_service_account.build
  values = {
    id     = "projects/mock/serviceAccounts/customerio-build@mock.iam.gserviceaccount.com"
    name   = "projects/mock/serviceAccounts/customerio-build@mock.iam.gserviceaccount.com"
    email  = "customerio-build@mock.iam.gserviceaccount.com"
    member = "serviceAccount:customerio-build@mock.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_cloudfunctions2_function.function["identify"]
  values = { service_config = { uri = "https://identify.mock.run.app" } }
}

override_resource {
  target = google_cloudfunctions2_function.function["track"]
  values = { service_config = { uri = "https://track.mock.run.app" } }
}

override_resource {
  target = google_cloudfunctions2_function.function["transactional"]
  values = { service_config = { uri = "https://transactional.mock.run.app" } }
}

override_resource {
  target = google_cloudfunctions2_function.function["webhook"]
  values = { service_config = { uri = "https://webhook.mock.run.app" } }
}

override_resource {
  target = google_cloudfunctions2_function.function["warehouse"]
  values = { service_config = { uri = "https://warehouse.mock.run.app" } }
}

override_resource {
  target = google_cloudfunctions2_function.function["probe"]
  values = { service_config = { uri = "https://probe.mock.run.app" } }
}

override_resource {
  target = google_pubsub_topic.topic["identify"]
  values = { id = "projects/mock/topics/identify" }
}

override_resource {
  target = google_pubsub_topic.topic["track"]
  values = { id = "projects/mock/topics/track" }
}

override_resource {
  target = google_pubsub_topic.topic["transactional"]
  values = { id = "projects/mock/topics/transactional" }
}

override_resource {
  target = google_pubsub_topic.topic["probe"]
  values = { id = "projects/mock/topics/probe" }
}

override_resource {
  target = google_pubsub_topic.topic["webhook-events"]
  values = { id = "projects/mock/topics/webhook-events" }
}

override_resource {
  target = google_pubsub_topic.topic["identify-dead-letter"]
  values = { id = "projects/mock/topics/identify-dead-letter" }
}

override_resource {
  target = google_pubsub_topic.topic["track-dead-letter"]
  values = { id = "projects/mock/topics/track-dead-letter" }
}

override_resource {
  target = google_pubsub_topic.topic["transactional-dead-letter"]
  values = { id = "projects/mock/topics/transactional-dead-letter" }
}

override_resource {
  target = google_pubsub_topic.topic["warehouse-dead-letter"]
  values = { id = "projects/mock/topics/warehouse-dead-letter" }
}

override_resource {
  target = google_pubsub_topic.topic["secret-rotation"]
  values = { id = "projects/mock/topics/secret-rotation" }
}

override_resource {
  target = google_pubsub_topic.topic["message-outcomes"]
  values = { id = "projects/mock/topics/message-outcomes" }
}

override_resource {
  target = google_pubsub_topic.topic["message-outcomes-dead-letter"]
  values = { id = "projects/mock/topics/message-outcomes-dead-letter" }
}
