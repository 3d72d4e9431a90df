import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BigQuery, Dataset } from '@google-cloud/bigquery'
import { z } from 'zod'
import type { Topology } from '../topology/topology.ts'

/** The query of a view in `terraform/`, with the placeholder filled in as Terraform does it: `project.dataset`. */
export function viewQuery(root: string, query: string, project: string, dataset: string): string {
  return readFileSync(join(root, 'terraform', query), 'utf8').replaceAll(`\${dataset}`, `${project}.${dataset}`)
}

/** The columns of a table in `terraform/`. */
export function tableFields(root: string, schema: string): Record<string, unknown>[] {
  return z
    .array(z.record(z.string(), z.unknown()))
    .parse(JSON.parse(readFileSync(join(root, 'terraform', schema), 'utf8')))
}

/**
 * Makes the dataset, tables and views of `terraform/pipeline.yaml` in a local BigQuery, as Terraform makes them in the cloud.
 * What is there already stays, except that views get the query that now stands in their file.
 */
export async function deployWarehouse(
  bigquery: BigQuery,
  topology: Topology['bigquery'],
  root: string,
): Promise<Dataset> {
  const project = await bigquery.getProjectId()
  const dataset = bigquery.dataset(topology.dataset)
  await unlessThere(dataset.create())
  for (const [id, table] of Object.entries(topology.tables)) {
    await unlessThere(
      dataset.createTable(id, {
        schema: { fields: tableFields(root, table.schema) },
        timePartitioning: { type: table.partition_type, field: table.partition_field },
        clustering: { fields: table.clustering },
      }),
    )
  }
  for (const [id, { query }] of Object.entries(topology.views)) {
    const view = { query: viewQuery(root, query, project, topology.dataset), useLegacySql: false }
    if (!(await unlessThere(dataset.createTable(id, { view })))) await dataset.table(id).setMetadata({ view })
  }
  return dataset
}

/** False when it was there already. */
async function unlessThere(creation: Promise<unknown>): Promise<boolean> {
  try {
    await creation
    return true
  } catch (error) {
    if (typeof error === 'object' && error !== null && 'code' in error && error.code === 409) return false
    throw error
  }
}
