import type { protos } from '@google-cloud/pubsub'
import type { handleBidiStreamingCall, ServerDuplexStream } from '@grpc/grpc-js'
import type { RpcError } from '../rpc-error.ts'
import type { Broker } from './broker.ts'
import type { Consumer, Lease } from './lease.ts'
import { MAX_RESPONSE_BYTES, receivedMessage } from './pull.ts'
import { invalidArgument } from './refusals.ts'
import type { Subscription } from './subscription.ts'

type Request = protos.google.pubsub.v1.IStreamingPullRequest
type Response = protos.google.pubsub.v1.IStreamingPullResponse

/** Answers StreamingPull, the call behind the client's `subscription.on('message')`. */
export function streamingPull(broker: Broker, onHandedOut: (subscription: Subscription, lease: Lease) => void) {
  const handler: handleBidiStreamingCall<Request, Response> = (call) => {
    let stream: PullStream | undefined
    call.on('data', (request: Request) => {
      try {
        if (stream === undefined)
          stream = new PullStream(call, broker.subscription(request.subscription ?? ''), onHandedOut)
        stream.receive(request)
      } catch (error) {
        stream?.end()
        call.emit('error', error)
      }
    })
    call.on('end', () => {
      stream?.end()
      call.end()
    })
    call.on('cancelled', () => stream?.end())
  }
  return handler
}

/** One stream: hands out messages within the flow control that its client asked for. */
class PullStream implements Consumer {
  ackDeadlineMs: number | undefined = undefined
  readonly #call: ServerDuplexStream<Request, Response>
  readonly #subscription: Subscription
  readonly #onHandedOut: (subscription: Subscription, lease: Lease) => void
  readonly #held = new Map<string, number>()
  #heldBytes = 0
  #maxMessages = Number.POSITIVE_INFINITY
  #maxBytes = Number.POSITIVE_INFINITY
  #unsent: Lease[] = []
  #started = false
  #congested = false
  #ended = false

  constructor(
    call: ServerDuplexStream<Request, Response>,
    subscription: Subscription,
    onHandedOut: (subscription: Subscription, lease: Lease) => void,
  ) {
    this.#call = call
    this.#subscription = subscription
    this.#onHandedOut = onHandedOut
  }

  receive(request: Request): void {
    if (request.streamAckDeadlineSeconds) this.ackDeadlineMs = streamDeadlineMs(request.streamAckDeadlineSeconds)
    for (const ackId of request.ackIds ?? []) this.#subscription.acknowledge(ackId)
    const seconds = request.modifyDeadlineSeconds ?? []
    for (const [index, ackId] of (request.modifyDeadlineAckIds ?? []).entries()) {
      this.#subscription.modifyDeadline(ackId, (seconds[index] ?? 0) * 1000)
    }
    if (!this.#started) this.#start(request)
    // The client takes a stream for dead that does not answer its pings.
    else this.#send([])
  }

  hasRoom(): boolean {
    return !this.#ended && !this.#congested && this.#held.size < this.#maxMessages && this.#heldBytes < this.#maxBytes
  }

  deliver(lease: Lease): void {
    const bytes = lease.message.data.length
    this.#held.set(lease.ackId, bytes)
    this.#heldBytes += bytes
    if (this.#unsent.length === 0) queueMicrotask(() => this.#flush())
    this.#unsent.push(lease)
  }

  released(lease: Lease): void {
    this.#heldBytes -= this.#held.get(lease.ackId) ?? 0
    this.#held.delete(lease.ackId)
  }

  closed(error: RpcError): void {
    this.#ended = true
    this.#call.emit('error', error)
  }

  end(): void {
    this.#ended = true
    this.#subscription.removeConsumer(this)
  }

  #start(request: Request): void {
    if (this.ackDeadlineMs === undefined) throw invalidArgument('A stream needs stream_ack_deadline_seconds.')
    this.#started = true
    this.#maxMessages = Number(request.maxOutstandingMessages) || Number.POSITIVE_INFINITY
    this.#maxBytes = Number(request.maxOutstandingBytes) || Number.POSITIVE_INFINITY
    this.#send([])
    this.#subscription.addConsumer(this)
  }

  #flush(): void {
    let response: Lease[] = []
    let bytes = 0
    for (const lease of this.#unsent.splice(0)) {
      if (response.length > 0 && bytes + lease.message.data.length > MAX_RESPONSE_BYTES) {
        this.#send(response)
        response = []
        bytes = 0
      }
      response.push(lease)
      bytes += lease.message.data.length
    }
    this.#send(response)
  }

  #send(leases: readonly Lease[]): void {
    if (this.#ended) return
    const flowing = this.#call.write({
      receivedMessages: leases.map((lease) => receivedMessage(lease, this.#subscription)),
      subscriptionProperties: {
        exactlyOnceDeliveryEnabled: false,
        messageOrderingEnabled: this.#subscription.settings.ordered,
      },
    })
    for (const lease of leases) this.#onHandedOut(this.#subscription, lease)
    if (flowing || this.#congested) return
    this.#congested = true
    this.#call.once('drain', () => {
      this.#congested = false
      this.#subscription.wake()
    })
  }
}

function streamDeadlineMs(seconds: number): number {
  if (seconds < 10 || seconds > 600)
    throw invalidArgument(`Invalid stream_ack_deadline_seconds: ${seconds} is not between 10 and 600.`)
  return seconds * 1000
}
