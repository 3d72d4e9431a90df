import { EventEmitter } from 'node:events'
import type { Identifier, IdentifierKind, ObjectKey, Operation, Relationship } from '../track/operations.ts'
import { type EventIds, EventLog } from './events.ts'
import { endsOf, Objects } from './objects.ts'
import { APPLIED, type Applied, ignored, isUnsubscribed, People, type Person, preferencesOf } from './people.ts'
import { type BroadcastTrigger, deliveryId, type Send, Templates } from './sends.ts'

export interface WorkspaceEvents {
  /** A person's `unsubscribed` flag turned. */
  subscription: [change: { person: Person; unsubscribed: boolean; atMs: number }]
  /** A person's topic preferences are others than before. */
  preferences: [change: { person: Person; preferences: Record<string, unknown>; atMs: number }]
  /** A transactional message was accepted. */
  send: [send: Send]
  broadcast: [trigger: BroadcastTrigger]
}

/** All that one Customer.io workspace knows: people, objects, events, sends. */
export class Workspace {
  readonly people = new People()
  readonly objects = new Objects()
  readonly events: EventLog
  readonly templates = new Templates()
  readonly sends: Send[] = []
  readonly broadcasts: BroadcastTrigger[] = []
  /** Where all e-mail goes instead, as a workspace can be set up for tests. */
  testAddress: string | undefined
  /** What a person can be looked up by besides `id` and `cio_id`, as a workspace's settings say. */
  identifiers: readonly IdentifierKind[] = ['email']
  /** Tells what changed, as it changes. */
  readonly changes = new EventEmitter<WorkspaceEvents>()
  #deliveries = 0

  constructor(eventIds: EventIds = {}) {
    this.events = new EventLog(eventIds)
  }

  /** Applies an accepted operation, or says why it changes nothing. */
  apply(operation: Operation, nowMs: number): Applied {
    if (operation.type === 'delivery') return APPLIED
    const atSeconds = operation.timestamp ?? Math.floor(nowMs / 1000)
    if (operation.type === 'object') return this.#applyToObject(operation, atSeconds)
    return this.#applyToPerson(operation, atSeconds, nowMs)
  }

  #applyToPerson(operation: Operation & { type: 'person' }, atSeconds: number, nowMs: number): Applied {
    const { who } = operation
    switch (operation.action) {
      case 'delete':
        return this.people.delete(who)
      case 'suppress':
        return this.people.suppress(who)
      case 'unsuppress':
        return this.people.unsuppress(who)
      case 'merge':
        return this.people.merge(who, operation.secondary)
      case 'identify':
        return this.#identify(operation, atSeconds, nowMs)
      case 'event':
      case 'page':
      case 'screen': {
        if (this.people.isSuppressed(who)) return ignored('suppressed')
        if (who.kind !== 'anonymous_id' && this.people.findOrCreate(who) === undefined) return ignored('no_such_person')
        const { action, name, id, attributes, timestamp } = operation
        return this.events.add({ action, name, id, who, attributes, timestamp, receivedAtMs: nowMs })
      }
      default:
        return this.#changePerson(operation, who)
    }
  }

  #identify(operation: Operation & { type: 'person'; action: 'identify' }, atSeconds: number, nowMs: number): Applied {
    const before = this.people.find(operation.who)
    const was = before && {
      unsubscribed: isUnsubscribed(before.attributes.get('unsubscribed')),
      preferences: JSON.stringify(preferencesOf(before)),
    }
    const applied = this.people.identify(operation.who, operation.attributes, atSeconds)
    const person = this.people.find(operation.who)
    if (person === undefined) return applied
    if (applied.applied) this.#relate(operation.who, operation.relationships)
    const unsubscribed = isUnsubscribed(person.attributes.get('unsubscribed'))
    if (unsubscribed !== (was?.unsubscribed ?? false)) {
      this.changes.emit('subscription', { person, unsubscribed, atMs: nowMs })
    }
    const preferences = preferencesOf(person)
    if (JSON.stringify(preferences) !== (was?.preferences ?? '{}')) {
      this.changes.emit('preferences', { person, preferences, atMs: nowMs })
    }
    return applied
  }

  #changePerson(
    operation: Operation & {
      type: 'person'
      action: 'add_device' | 'delete_device' | 'add_relationships' | 'delete_relationships'
    },
    who: Identifier,
  ): Applied {
    if (this.people.isSuppressed(who)) return ignored('suppressed')
    const adds = operation.action === 'add_device' || operation.action === 'add_relationships'
    const person = adds ? this.people.findOrCreate(who) : this.people.find(who)
    if (person === undefined) return ignored('no_such_person')
    switch (operation.action) {
      case 'add_device':
        person.devices.set(operation.token, operation.device)
        return APPLIED
      case 'delete_device':
        person.devices.delete(operation.token)
        return APPLIED
      case 'add_relationships':
        this.#relate(who, operation.relationships)
        return APPLIED
      case 'delete_relationships':
        this.#unrelate(who, operation.relationships)
        return APPLIED
    }
  }

  #applyToObject(operation: Operation & { type: 'object' }, atSeconds: number): Applied {
    const { object, relationships } = operation
    switch (operation.action) {
      case 'delete':
        return this.objects.delete(object) ? APPLIED : ignored('no_such_person')
      case 'delete_relationships':
        this.#unrelate(object, relationships)
        return APPLIED
      default:
        this.objects.identify(object, operation.attributes, atSeconds)
        this.#relate(object, relationships)
        return APPLIED
    }
  }

  #relate(self: Identifier | ObjectKey, relationships: readonly Relationship[]): void {
    for (const relationship of relationships) {
      const ends = endsOf(relationship, self)
      if (ends === undefined || this.people.isSuppressed(ends.who)) continue
      if (ends.who.kind !== 'anonymous_id') this.people.findOrCreate(ends.who)
      this.objects.relate(ends.object, ends.who, relationship.attributes)
    }
  }

  #unrelate(self: Identifier | ObjectKey, relationships: readonly Relationship[]): void {
    for (const relationship of relationships) {
      const ends = endsOf(relationship, self)
      if (ends !== undefined) this.objects.unrelate(ends.object, ends.who)
    }
  }

  /** An id that no delivery has had yet. */
  nextDeliveryId(): string {
    return deliveryId(++this.#deliveries)
  }

  accept(send: Send): void {
    this.sends.push(send)
    this.changes.emit('send', send)
  }

  trigger(broadcast: BroadcastTrigger): void {
    this.broadcasts.push(broadcast)
    this.changes.emit('broadcast', broadcast)
  }

  /** Forgets everything but the templates' numbers and which delivery ids were used. */
  clear(): void {
    this.people.clear()
    this.objects.clear()
    this.events.clear()
    this.sends.length = 0
    this.broadcasts.length = 0
  }
}
