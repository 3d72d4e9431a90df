# A bulk lane with a function of its own. `bulk_lane` of a function in pipeline.yaml deploys its bundle once more, as
# `<name>-bulk`, and lets the bulk subscription push there: of that subscription nothing else changes, so its backlog stays.
# The lane takes its part of the function's shares away from the function, so that both together keep within the limits.
# The command line and the local stack have the same rule in scripts/topology/bulk-lanes.ts.

locals {
  with_bulk_lane = { for name, f in var.pipeline.functions : name => f if f.bulk_lane != null }

  functions = merge(
    {
      for name, f in var.pipeline.functions : name => merge(f, {
        code            = name
        rate_share      = try(f.rate_share * (1 - f.bulk_lane.part), f.rate_share)
        broadcast_share = try(f.broadcast_share * (1 - f.bulk_lane.part), f.broadcast_share)
        look_up_share   = try(f.look_up_share * (1 - f.bulk_lane.part), f.look_up_share)
      })
    },
    {
      for name, f in local.with_bulk_lane : "${name}-bulk" => merge(f, {
        code            = name
        rate_share      = try(f.rate_share * f.bulk_lane.part, null)
        broadcast_share = try(f.broadcast_share * f.bulk_lane.part, null)
        look_up_share   = try(f.look_up_share * f.bulk_lane.part, null)
        min_instances   = f.bulk_lane.min_instances
        max_instances   = coalesce(f.bulk_lane.max_instances, f.max_instances)
      })
    },
  )

  subscriptions = {
    for name, s in var.pipeline.subscriptions : name => merge(s, {
      push = s.filter == local.lanes.bulk && contains(keys(local.with_bulk_lane), coalesce(s.push, "-")) ? "${s.push}-bulk" : s.push
    })
  }
}
