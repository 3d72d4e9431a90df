/** How fast this process may ask a server, and when it should leave it alone. */
export { type Denied, RateLimiter } from './limiter.ts'
