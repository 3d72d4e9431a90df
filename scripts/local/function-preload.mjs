/**
 * Loaded by the process of a local function before anything else, as JavaScript, since it may run without type stripping.
 * Tells whoever started the process when it listens, and ends with it: a function that is left behind would hold its port
 * and deliver on.
 */
import { Server } from 'node:net'

process.once('disconnect', () => process.kill(process.pid, 'SIGKILL'))

const { emit } = Server.prototype
Server.prototype.emit = function (event, ...details) {
  if (event === 'listening') process.send?.('listening')
  return emit.call(this, event, ...details)
}
