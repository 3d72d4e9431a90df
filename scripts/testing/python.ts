import { spawnSync } from 'node:child_process'

/** A Python of 3.11 or newer, if there is one on the path; with `module`, one that can import it. */
export function findPython(module = 'sys'): string | undefined {
  const check = `import sys, ${module}; sys.exit(sys.version_info < (3, 11))`
  return ['python3.11', 'python3'].find(
    (command) => spawnSync(command, ['-c', check], { stdio: 'ignore' }).status === 0,
  )
}
