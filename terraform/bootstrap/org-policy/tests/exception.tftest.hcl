mock_provider "google" {}

variables {
  project_id = "acme-customerio-test"
}

run "the_older_constraint" {
  command = plan

  assert {
    condition = jsonencode([for policy in values(google_org_policy_policy.exception) : [policy.name, policy.parent, policy.spec[0].rules[0].allow_all]]) == jsonencode([
      ["projects/acme-customerio-test/policies/iam.allowedPolicyMemberDomains", "projects/acme-customerio-test", "TRUE"]
    ])
    error_message = "The exception does not let this project, and no other, name allUsers."
  }
}

run "the_managed_constraint" {
  command = plan

  variables {
    constraints = ["iam.managed.allowedPolicyMembers"]
  }

  assert {
    condition = jsonencode([for policy in values(google_org_policy_policy.exception) : [policy.name, policy.spec[0].rules[0].enforce]]) == jsonencode([
      ["projects/acme-customerio-test/policies/iam.managed.allowedPolicyMembers", "FALSE"]
    ])
    error_message = "The managed constraint stays enforced."
  }
}

run "another_constraint" {
  command = plan

  variables {
    constraints = ["gcp.resourceLocations"]
  }

  expect_failures = [var.constraints]
}
