/** Names a batch by the message that leads it and its attempt: no message leads two batches in one attempt. */
export function batchIdOf(
  batch: readonly { readonly messageId?: string | undefined; readonly attempt: number }[],
): string | undefined {
  const [first] = batch
  return first?.messageId === undefined ? undefined : `${first.messageId}.${first.attempt}`
}
