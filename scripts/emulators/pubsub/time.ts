import type { Api } from './protos.ts'

export function durationToMs(duration: Api['duration'] | null | undefined): number | undefined {
  if (duration === null || duration === undefined) return undefined
  return Number(duration.seconds ?? 0) * 1000 + (duration.nanos ?? 0) / 1_000_000
}

export function timestampToMs(timestamp: Api['timestamp']): number {
  return Number(timestamp.seconds ?? 0) * 1000 + (timestamp.nanos ?? 0) / 1_000_000
}

export function msToTimestamp(ms: number): { seconds: number; nanos: number } {
  const seconds = Math.floor(ms / 1000)
  return { seconds, nanos: Math.round((ms - seconds * 1000) * 1_000_000) }
}
