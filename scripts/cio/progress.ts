import type { Output } from './output.ts'

export interface Progress {
  /** How many are done in all. */
  at(done: number): void
  end(): void
}

const LINE_EVERY_MS = 10_000

/** A bar with rate and time left in a terminal; elsewhere a line every ten seconds, as a sign of life in a log. */
export async function startProgress(output: Output, what: string, total: number, now: () => number): Promise<Progress> {
  const startedMs = now()
  const rateAt = (done: number) => Math.round((done / Math.max(1, now() - startedMs)) * 1_000)
  if (output.terminal === undefined) {
    let saidMs = startedMs
    return {
      at(done) {
        if (now() - saidMs < LINE_EVERY_MS) return
        saidMs = now()
        output.note(`${what}: ${done} of ${total}, ${rateAt(done)}/s`)
      },
      end() {},
    }
  }
  const { SingleBar } = await import('cli-progress')
  const bar = new SingleBar({
    format: `${what} {bar} {percentage}%  {value}/{total}  {rate}/s  {eta_formatted} left`,
    stream: output.terminal,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    hideCursor: true,
    etaBuffer: 200,
  })
  bar.start(total, 0, { rate: 0 })
  return {
    at(done) {
      if (done > bar.getTotal()) bar.setTotal(done)
      bar.update(done, { rate: rateAt(done) })
    },
    end: () => bar.stop(),
  }
}
