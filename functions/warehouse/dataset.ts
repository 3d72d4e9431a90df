import { BigQuery, type Dataset } from '@google-cloud/bigquery'

/** The dataset. The client finds `BIGQUERY_EMULATOR_HOST` by itself. It does not retry: Pub/Sub does, and knows how often. */
export function createDataset(projectId: string, datasetId: string): () => Promise<Dataset> {
  const dataset = new BigQuery({ projectId, retryOptions: { autoRetry: false } }).dataset(datasetId)
  return async () => dataset
}
