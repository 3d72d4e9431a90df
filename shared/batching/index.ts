/** Many callers, few requests: `Coalescer` groups what is submitted at the same time, `bisect` finds what spoils a group. */
export { batchIdOf } from './batch-id.ts'
export { type BatchAnswer, bisect } from './bisect.ts'
export { type BatchLimits, Coalescer, isOfItsKey } from './coalescer.ts'
