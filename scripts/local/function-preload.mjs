/**
 * Loaded by the process of a local function before anything else, as JavaScript, since it may run without type stripping.
 * Tells whoever started the process when it listens, and ends with it: a function that is left behind would hold its port
 * and deliver on. A stand-in says when it has loaded, and listens once it is told to.
 */
import inspector from 'node:inspector'
import { flushCompileCache } from 'node:module'
import { Server } from 'node:net'

process.once('disconnect', () => process.kill(process.pid, 'SIGKILL'))

const { emit, listen } = Server.prototype
Server.prototype.emit = function (event, ...details) {
  if (event === 'listening') {
    process.send?.('listening')
    // It may be killed, and Node writes only at an orderly end. Without NODE_COMPILE_CACHE there is nothing to write.
    flushCompileCache()
  }
  return emit.call(this, event, ...details)
}

let waits = process.env.STAND_IN === 'true'
Server.prototype.listen = function (...args) {
  if (waits) {
    waits = false
    process.once('message', () => this.listen(...args))
    process.send?.('loaded')
    return this
  }
  // Only now is the port free on which the former process was debugged.
  const { INSPECT_PORT } = process.env
  if (INSPECT_PORT !== undefined && inspector.url() === undefined) {
    inspector.open(Number(INSPECT_PORT), '127.0.0.1')
    process.send?.(inspector.url() ?? '')
  }
  return listen.apply(this, args)
}
