import type { Agent } from 'node:http'
import type { FunctionProcess } from '../local/function-process.ts'

/** One process of a function. */
export interface Instance {
  readonly process: FunctionProcess
  /** Ids of the messages whose pushes it holds. */
  readonly held: Set<string>
  /** Pushes that it holds. */
  inFlight: number
  /** False: it gets no pushes, being ended or not yet up. A frozen one does get them. */
  routed: boolean
  /** It gets no pushes for now, though it could take them. */
  spared: boolean
  /** It belongs to a revision that has been replaced: nothing starts it again. */
  retired: boolean
  readonly agent: Agent
}
