override_resource {
  target = google_project_service_identity.pubsub
  values = { member = "serviceAccount:service-1@gcp-sa-pubsub.iam.gserviceaccount.com" }
}

override_resource {
  target = google_project_service_identity.secret_manager
  values = { member = "serviceAccount:service-1@gcp-sa-secretmanager.iam.gserviceaccount.com" }
}

override_resource {
  target = google_project_service_identity.scheduler
  values = { member = "serviceAccount:service-1@gcp-sa-cloudscheduler.iam.gserviceaccount.com" }
}
