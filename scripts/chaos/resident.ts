import { readFileSync } from 'node:fs'

/** Resident memory of a process in bytes, as Linux counts it; 0 where that is not to be had, or once it has ended. */
export function residentBytes(pid: number): number {
  try {
    const [, kibibytes = '0'] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
    return Number(kibibytes) * 1_024
  } catch {
    return 0
  }
}
