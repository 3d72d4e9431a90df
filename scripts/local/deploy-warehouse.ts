import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BigQuery, Dataset } from '@google-cloud/bigquery'
import { z } from 'zod'
import { codeOf } from '../../shared/errors/index.ts'
import type { Topology } from '../topology/topology.ts'

/** The query of a view in `terraform/`, with the placeholder filled in as Terraform does it: `project.dataset`. */
export function viewQuery(root: string, query: string, project: string, dataset: string): string {
  return readFileSync(join(root, 'terraform', query), 'utf8').replaceAll(`\${dataset}`, `${project}.${dataset}`)
}

/** The query of a table function in `terraform/`, put together as Terraform does it: the view over what the query narrows. */
export function tableFunctionQuery(
  root: string,
  { views }: Pick<Topology['bigquery'], 'views'>,
  { query, view, over }: Topology['bigquery']['table_functions'][string],
  project: string,
  dataset: string,
): string {
  const whole = views[view]
  if (whole === undefined) throw new Error(`pipeline.yaml has no view ${view}`)
  const narrowed = viewQuery(root, whole.query, project, dataset).replaceAll(`\`${project}.${dataset}.${over}\``, over)
  return viewQuery(root, query, project, dataset).replaceAll(`\${view}`, () => narrowed)
}

/** The columns of a table in `terraform/`. */
export function tableFields(root: string, schema: string): Record<string, unknown>[] {
  return z
    .array(z.record(z.string(), z.unknown()))
    .parse(JSON.parse(readFileSync(join(root, 'terraform', schema), 'utf8')))
}

/**
 * Makes the dataset, tables, views and table functions of `terraform/pipeline.yaml` in a local BigQuery, as Terraform makes them in the cloud.
 * What is there already stays, except that views and functions get the query that now stands in
 * their file.
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
  for (const [id, tableFunction] of Object.entries(topology.table_functions)) {
    const routine = {
      routineReference: { projectId: project, datasetId: topology.dataset, routineId: id },
      routineType: 'TABLE_VALUED_FUNCTION' as const,
      language: 'SQL' as const,
      arguments: tableFunction.arguments.map(({ name, type }) => ({ name, dataType: { typeKind: type } })),
      definitionBody: tableFunctionQuery(root, topology, tableFunction, project, topology.dataset),
    }
    if (!(await unlessThere(dataset.createRoutine(id, routine)))) await dataset.routine(id).setMetadata(routine)
  }
  return dataset
}

/** False when it was there already. */
async function unlessThere(creation: Promise<unknown>): Promise<boolean> {
  try {
    await creation
    return true
  } catch (error) {
    if (codeOf(error) === 409) return false
    throw error
  }
}
