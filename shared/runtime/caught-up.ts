/**
 * Resolves once the process knows of everything that had arrived before. Node reads the end of a connection in a later turn of
 * its loop than the last bytes that came over it. Without this wait, a process that stood still would begin requests whose
 * senders have gone.
 */
export function caughtUp(): Promise<void> {
  next ??= new Promise((resolve) => {
    setImmediate(() => {
      next = undefined
      setImmediate(resolve)
    })
  })
  return next
}

/** What all who ask in one turn of the loop wait for. */
let next: Promise<void> | undefined
