import { readFileSync } from 'node:fs'

/** What a process has used since it began, as Linux counts it. */
export interface ProcessUsage {
  readonly cpuSeconds: number
  /** How long its main thread was ready to run and had to wait for a core. */
  readonly waitedSeconds: number
  readonly residentMiB: number
}

/** `USER_HZ`: what the CPU times in /proc are counted in, whatever the kernel's own clock. */
const TICKS_PER_SECOND = 100

/** Reads /proc, so Linux only. Throws when there is no such process. */
export function usageOf(pid: number): ProcessUsage {
  // The second field, the program's name, may hold spaces and brackets: count from its end.
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [userTicks, systemTicks] = [Number(fields[11]), Number(fields[12])]
  const [, waitedNanoseconds] = readFileSync(`/proc/${pid}/schedstat`, 'latin1').split(' ')
  const resident = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))
  return {
    cpuSeconds: (userTicks + systemTicks) / TICKS_PER_SECOND,
    waitedSeconds: Number(waitedNanoseconds) / 1e9,
    residentMiB: Number(resident?.[1]) / 1_024,
  }
}

/**
 * CPU seconds that all programs have used since the machine began, and those that its host took away from it (steal).
 * Interrupts are left out: they belong to no program, and under load they are those of our own traffic over loopback.
 */
export function machineBusySeconds(): number {
  const [line = ''] = readFileSync('/proc/stat', 'latin1').split('\n', 1)
  const [user, nice, system, , , , , steal] = line.split(/\s+/).slice(1).map(Number)
  return [user, nice, system, steal].reduce((sum: number, ticks = 0) => sum + ticks, 0) / TICKS_PER_SECOND
}
