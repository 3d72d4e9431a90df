import { execFileSync } from 'node:child_process'

/** Whether Google's command line is on this machine. */
export function hasGcloud(): boolean {
  try {
    execFileSync('gcloud', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
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
