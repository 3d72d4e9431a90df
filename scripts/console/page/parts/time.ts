const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
] as const

/** A length of time in its largest unit: `340 ms`, `1.2 s`, `12 s`, `3 min`. */
export function age(ms: number): string {
  if (ms >= 1_000 && ms < 10_000) return `${(ms / 1_000).toFixed(1)} s`
  for (const [unit, length] of UNITS) if (ms >= length) return `${Math.floor(ms / length)} ${unit}`
  return `${Math.max(0, Math.round(ms))} ms`
}

const clock = new Intl.DateTimeFormat('en-GB', {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 3,
})

/** The time of day where the person is, with milliseconds: `14:03:07.123`. */
export function timeOfDay(ms: number): string {
  return clock.format(ms)
}

const seconds = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' })

/** The same of an ISO 8601 time, as exact as it is: to the second where it tells no more. */
export function timeIn(iso: string): string {
  const ms = Date.parse(iso)
  return iso.includes('.') ? timeOfDay(ms) : seconds.format(ms)
}

/** Day and time where the person is: `2026-11-26 14:03:07`. */
export function dateAndTime(ms: number): string {
  const at = new Date(ms)
  const two = (number: number) => String(number).padStart(2, '0')
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${seconds.format(ms)}`
}
