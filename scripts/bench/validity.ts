/** What the processes around an instance did while it was measured, in cores: 1 is one core the whole time. */
export interface Surroundings {
  readonly generatorCores: number
  readonly sinkCores: number
  /** Everything on the machine that is not part of the bench. */
  readonly otherCores: number
  /** Share of the time that the instance's own thread was ready to run and no core was free. */
  readonly instanceWaited: number
}

/** A single-threaded process this busy answers late, or sends late, now and then: what is measured then is partly it. */
const MOST_HELPER_CORES = 0.85
/** More than a tenth of a core taken by strangers moves a ratio by more than its rounds lie apart. */
const MOST_OTHER_CORES = 0.15
const MOST_INSTANCE_WAITED = 0.25

/** Why a round says more about the bench or the machine than about the instance; empty when it counts. */
export function whyRejected(round: Surroundings): string[] {
  const reasons: string[] = []
  const percent = (share: number) => `${Math.round(share * 100)} %`
  if (round.generatorCores > MOST_HELPER_CORES) {
    reasons.push(`the load generator was saturated: ${percent(round.generatorCores)} of a core`)
  }
  if (round.sinkCores > MOST_HELPER_CORES) {
    reasons.push(`the sink was saturated: ${percent(round.sinkCores)} of a core`)
  }
  if (round.otherCores > MOST_OTHER_CORES) {
    reasons.push(`other programs took ${percent(round.otherCores)} of a core`)
  }
  if (round.instanceWaited > MOST_INSTANCE_WAITED) {
    reasons.push(`the instance had no core for ${percent(round.instanceWaited)} of the time`)
  }
  return reasons
}
