# From dist/<function>/ to an image: the bundle's zip, the bucket it is uploaded to, and who builds it.

locals {
  # Those that are deployed from bundle_dir, and not from what an earlier deployment has left in the bucket.
  built_functions = { for name, f in var.pipeline.functions : name => f if !contains(keys(var.bundles), name) }

  # The hash is made from the files, not from the zip, whose bytes differ between machines.
  built_hash = {
    for name in keys(local.built_functions) : name => sha256(join("\n", [
      for file in fileset(local.bundle_folders[name], "**") : "${file} ${filesha256("${local.bundle_folders[name]}/${file}")}"
    ]))
  }
  bundle_hash = merge(local.built_hash, var.bundles)
}

data "archive_file" "bundle" {
  for_each = local.built_functions

  type             = "zip"
  source_dir       = local.bundle_folders[each.key]
  output_path      = "${path.root}/.terraform/bundles/${each.key}.zip"
  output_file_mode = "0644"
}

resource "google_storage_bucket" "bundles" {
  project                     = var.project_id
  name                        = local.names.bundles
  location                    = var.region
  labels                      = local.labels
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true # a destroy keeps nothing to go back to

  depends_on = [time_sleep.services]
}

# The content's hash is part of the name: an object that keeps its name does not redeploy a function. What was deployed
# before stays in the bucket, a megabyte or two each, as the way back: see `bundles` in variables.tf.
resource "google_storage_bucket_object" "bundle" {
  for_each = local.built_functions

  bucket          = google_storage_bucket.bundles.name
  name            = "${each.key}/${local.built_hash[each.key]}.zip"
  source          = data.archive_file.bundle[each.key].output_path
  deletion_policy = "ABANDON"

  # The name says what is inside; other bytes of a zip with the same files are no change.
  lifecycle {
    ignore_changes        = [detect_md5hash, source_md5hash]
    create_before_destroy = true
  }
}

resource "google_artifact_registry_repository" "images" {
  project       = var.project_id
  location      = var.region
  repository_id = local.names.images
  description   = "Images of the Customer.io functions, made by Cloud Build."
  format        = "DOCKER"
  labels        = local.labels

  cleanup_policies {
    id     = "keep-recent"
    action = "KEEP"
    most_recent_versions {
      keep_count = 5
    }
  }

  cleanup_policies {
    id     = "delete-old"
    action = "DELETE"
    condition {
      older_than = "2592000s"
    }
  }

  depends_on = [time_sleep.services]
}

# What a build needs and nothing else: read the zip, write the image, write its log.
resource "google_storage_bucket_iam_member" "build" {
  bucket = google_storage_bucket.bundles.name
  role   = "roles/storage.objectViewer"
  member = local.members["build"]

  lifecycle {
    replace_triggered_by = [google_storage_bucket.bundles.id]
  }
}

# Cloud Functions copies the zip into a bucket of its own, made at the first deployment, and the build reads it there.
# Which of the three depends on how it is deployed: cloud.google.com/functions/docs/building#build-service-account and
# cloud.google.com/run/docs/deploy-functions (read in the documents, not tried).
resource "google_project_iam_member" "build_source" {
  project = var.project_id
  role    = "roles/storage.objectViewer"
  member  = local.members["build"]

  condition {
    title       = "sources of functions only"
    description = "Buckets that Cloud Functions makes for the sources it builds."
    expression = join(" || ", [
      for prefix in ["gcf-v2-sources-", "gcf-v2-uploads-", "run-sources-"] : "resource.name.startsWith(\"projects/_/buckets/${prefix}\")"
    ])
  }
}

resource "google_artifact_registry_repository_iam_member" "build" {
  project    = var.project_id
  location   = var.region
  repository = google_artifact_registry_repository.images.name
  role       = "roles/artifactregistry.writer"
  member     = local.members["build"]

  lifecycle {
    replace_triggered_by = [google_artifact_registry_repository.images.id]
  }
}

resource "google_project_iam_member" "build_log" {
  project = var.project_id
  role    = "roles/logging.logWriter"
  member  = local.members["build"]
}
