import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { CreateSubscriptionOptions, PubSub, protos, Subscription } from '@google-cloud/pubsub'
import { status } from '@grpc/grpc-js'
import { codeOf } from '../../shared/errors/index.ts'
import { pauseIn, pausing } from '../topology/paused.ts'
import { PROJECT_ROOT, type Topology } from '../topology/topology.ts'

export interface CreateTopologyOptions {
  readonly topology: Pick<Topology, 'topics' | 'subscriptions' | 'bigquery'>
  /** A client of the server that is to have them, made with the `projectId` that they are to be in. */
  readonly pubsub: PubSub
  /** Where each function listens, by its name. A push subscription of a function that is not here is an error. */
  readonly pushBaseUrls: Readonly<Record<string, string>>
  /** The account that pushes are signed for, as Terraform has one; undefined leaves pushes without a token. */
  readonly pushServiceAccountEmail?: string
}

/**
 * Creates every topic and subscription of `terraform/pipeline.yaml`, as Terraform would. What is there already stays;
 * of a subscription only the push address is brought up to date, since functions may have moved to other ports.
 */
export async function createTopology(options: CreateTopologyOptions): Promise<void> {
  const { topology, pubsub } = options
  const project = pubsub.projectId
  // Before anything is created, so that a mistake leaves nothing half done.
  const subscriptions = Object.entries(topology.subscriptions).map(([name, subscription]) => ({
    name,
    topic: `projects/${project}/topics/${subscription.topic}`,
    settings: subscriptionSettings(subscription, project, options),
  }))
  await Promise.all(
    Object.entries(topology.topics).map(([name, { retention_days: days }]) =>
      unlessItExists(
        pubsub.createTopic({
          name: `projects/${project}/topics/${name}`,
          ...(days > 0 && { messageRetentionDuration: { seconds: days * 86_400 } }),
        }),
      ),
    ),
  )
  await Promise.all(
    subscriptions.map(async ({ name, topic, settings }) => {
      const outcome = await unlessItExists(pubsub.topic(topic).createSubscription(name, settings))
      if (outcome === 'existed' && settings.pushConfig) {
        await bringUpToDate(pubsub.subscription(name), settings.pushConfig)
      }
    }),
  )
}

/** One that is paused stays so: a resume then finds the address of now. */
async function bringUpToDate(subscription: Subscription, push: protos.google.pubsub.v1.IPushConfig): Promise<void> {
  const [{ labels }] = await subscription.getMetadata()
  const pause = pauseIn(labels)
  if (pause === undefined) await subscription.modifyPushConfig(push)
  else await subscription.setMetadata(pausing({ labels, pushConfig: push }, pause))
}

function subscriptionSettings(
  subscription: Topology['subscriptions'][string],
  project: string,
  { topology, pushBaseUrls, pushServiceAccountEmail }: CreateTopologyOptions,
): CreateSubscriptionOptions {
  const settings: CreateSubscriptionOptions = {
    ackDeadlineSeconds: subscription.ack_deadline_seconds,
    messageRetentionDuration: subscription.retention_seconds,
    enableMessageOrdering: subscription.ordered,
    // Without it Pub/Sub deletes a subscription that nobody used for a month.
    expirationPolicy: {},
  }
  if (subscription.filter !== undefined) settings.filter = subscription.filter
  if (subscription.push !== undefined) {
    const pushEndpoint = pushBaseUrls[subscription.push]
    if (pushEndpoint === undefined) throw new Error(`no address for the function ${subscription.push} to push to`)
    settings.pushConfig = {
      pushEndpoint,
      ...(pushServiceAccountEmail !== undefined && {
        oidcToken: { serviceAccountEmail: pushServiceAccountEmail, audience: pushEndpoint },
      }),
    }
  }
  if (subscription.bigquery !== undefined) {
    const table = `${project}.${topology.bigquery.dataset}.${subscription.bigquery}`
    settings.bigqueryConfig = { table, useTableSchema: true, dropUnknownFields: true }
  }
  if (subscription.transform !== undefined) {
    const { file, function: functionName } = subscription.transform
    const code = readFileSync(join(PROJECT_ROOT, 'terraform', file), 'utf8')
    settings.messageTransforms = [{ javascriptUdf: { functionName, code } }]
  }
  if (subscription.minimum_backoff_seconds !== undefined || subscription.maximum_backoff_seconds !== undefined) {
    settings.retryPolicy = {
      minimumBackoff: { seconds: subscription.minimum_backoff_seconds ?? 10 },
      maximumBackoff: { seconds: subscription.maximum_backoff_seconds ?? 600 },
    }
  }
  if (subscription.dead_letter_topic !== undefined) {
    settings.deadLetterPolicy = {
      deadLetterTopic: `projects/${project}/topics/${subscription.dead_letter_topic}`,
      maxDeliveryAttempts: subscription.max_delivery_attempts ?? 5,
    }
  }
  return settings
}

async function unlessItExists(creation: Promise<unknown>): Promise<'created' | 'existed'> {
  try {
    await creation
    return 'created'
  } catch (error) {
    if (codeOf(error) === status.ALREADY_EXISTS) return 'existed'
    throw error
  }
}
