import type { Clock } from '../clock/index.ts'
import type { Exchange } from '../customerio/index.ts'
import type { Connect } from '../google-api/index.ts'
import { caughtUp } from './caught-up.ts'
import { createDrain, type Drain, type DrainProcess } from './drain.ts'
import { type ByteWriter, createLineBuffer, type EndingProcess, type LineWriter } from './line-buffer.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** The part of `process` that a function needs. */
export interface HostProcess extends DrainProcess, EndingProcess {
  readonly env: Environment
  readonly stdout: ByteWriter
  once(event: 'SIGTERM' | 'exit', listener: () => void): unknown
}

/** How a function reaches others. */
export interface Network {
  /** Customer.io's two APIs. */
  readonly exchange: Exchange
  /** Google's. */
  readonly connect: Connect
}

/** What a function gets from the process it runs in. */
export interface Host {
  readonly env: Environment
  readonly clock: Clock
  /** [0, 1) */
  readonly random: () => number
  /** Where log lines go. */
  readonly output: LineWriter
  readonly drain: Drain
  /** Resolves once the process knows of everything that had arrived before, such as the end of a connection. */
  readonly caughtUp: () => Promise<void>
  /** In the place of the real one, for a simulation. */
  readonly network?: Network
}

/** Only composition roots call this, with Node's `process` and `systemClock`: all below them takes what it is given. */
export function hostOf(process: HostProcess, clock: Clock): Host {
  return {
    env: process.env,
    clock,
    random: Math.random,
    output: createLineBuffer(process.stdout, process),
    drain: createDrain(process, clock),
    caughtUp,
  }
}
