import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { PROJECT_ROOT, type Topology, topologyOf } from './topology.ts'

/** The pipeline of pipeline.yaml, in which one function has this `bulk_lane`. */
export function withBulkLane(name: string, bulkLane: object): Topology {
  const pipeline = parse(readFileSync(join(PROJECT_ROOT, 'terraform/pipeline.yaml'), 'utf8'))
  const functions = { ...pipeline.functions, [name]: { ...pipeline.functions[name], bulk_lane: bulkLane } }
  return topologyOf({ ...pipeline, functions })
}
