import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Whether Google's command line is on this machine. To ask it for its version takes a second. */
export function hasGcloud(): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, 'gcloud')))
}

/**
 * The environment in which gcloud talks to a Pub/Sub on this machine, without an account.
 *
 * @param pubsub `host:port` of the Pub/Sub
 * @param config an empty folder, in place of the person's own configuration
 */
export function gcloudEnvironment(pubsub: string, projectId: string, config: string): Record<string, string> {
  return {
    CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB: `http://${pubsub}/`,
    CLOUDSDK_AUTH_DISABLE_CREDENTIALS: 'true',
    CLOUDSDK_CONFIG: config,
    CLOUDSDK_CORE_DISABLE_PROMPTS: 'true',
    CLOUDSDK_CORE_DISABLE_USAGE_REPORTING: 'true',
    CLOUDSDK_CORE_PROJECT: projectId,
  }
}
