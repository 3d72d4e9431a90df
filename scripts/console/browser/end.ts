/** Ends the stack that `start.ts` started. */
export default function end(): void {
  const pid = Number(process.env.CONSOLE_STACK)
  if (pid > 0) process.kill(pid, 'SIGTERM')
}
