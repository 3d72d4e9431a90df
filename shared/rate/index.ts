/** How fast this process may ask a server, and when it should leave it alone. */
export { type Denied, type Permit, RateLimiter } from './limiter.ts'
