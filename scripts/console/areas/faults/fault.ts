import type { EndpointKind } from '../../../emulators/customerio/index.ts'

/** Which requests to Customer.io a fault meets. The other emulators know no such choice. */
export interface FaultScope {
  readonly requests: EndpointKind | 'any'
  /** From 0 to 1. */
  readonly probability: number
}

/** Something that can be made to go wrong in the local stack. Whether it does is known to the emulator alone. */
export interface Fault {
  readonly id: string
  readonly label: string
  /** What happens, and what the pipeline makes of it. */
  readonly about: string
  isOn(): boolean
  /** Ids of the orders to Customer.io that it stands for. */
  orders?(): readonly number[]
  /** How many requests it has met since it was turned on, where that is counted. */
  hits?(): number
  turnOn(scope: FaultScope): Promise<void> | void
  turnOff(): Promise<void> | void
}
