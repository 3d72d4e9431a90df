import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:os'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * Runs a shell's command line in the foreground, with these variables besides our own. A signal that asks this process to
 * end goes to the command, which then decides.
 *
 * @returns its exit code; 128 and the signal's number when a signal ended it, as shells have it
 */
export async function runCommand(command: string, env: Readonly<Record<string, string>>): Promise<number> {
  // On a terminal it stays in our group, so that it can read keys; elsewhere it leads a group, so that all of it can be reached.
  const detached = !process.stdin.isTTY
  const child = spawn(command, { shell: true, stdio: 'inherit', detached, env: { ...process.env, ...env } })
  const forward = (signal: NodeJS.Signals) => send(child, signal, detached)
  for (const signal of SIGNALS) process.on(signal, forward)
  try {
    const [code, signal]: (number | NodeJS.Signals | null)[] = await once(child, 'exit')
    if (typeof signal === 'string') return 128 + constants.signals[signal as NodeJS.Signals]
    return Number(code)
  } finally {
    for (const signal of SIGNALS) process.off(signal, forward)
  }
}

function send(child: ChildProcess, signal: NodeJS.Signals, toGroup: boolean): void {
  if (child.pid === undefined) return
  try {
    process.kill(toGroup ? -child.pid : child.pid, signal)
  } catch {
    // It has just ended.
  }
}
