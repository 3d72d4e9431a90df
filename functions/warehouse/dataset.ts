import type { Dataset } from '@google-cloud/bigquery'

/**
 * Opens the dataset at the first call, and once. The client finds `BIGQUERY_EMULATOR_HOST` by itself. It does not retry:
 * Pub/Sub does, and knows how often.
 */
export function createDataset(projectId: string, datasetId: string): () => Promise<Dataset> {
  let opening: Promise<Dataset> | undefined
  return () => {
    opening ??= open(projectId, datasetId)
    return opening
  }
}

async function open(projectId: string, datasetId: string): Promise<Dataset> {
  const { BigQuery } = await import('@google-cloud/bigquery')
  return new BigQuery({ projectId, retryOptions: { autoRetry: false } }).dataset(datasetId)
}
