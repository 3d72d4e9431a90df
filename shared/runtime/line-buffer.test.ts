import { AsyncLocalStorage } from 'node:async_hooks'
import { EventEmitter } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'
import { createLineBuffer } from './line-buffer.ts'

const request = new AsyncLocalStorage<string>()

function buffered() {
  const writes: { readonly text: string; readonly onBehalfOf: string | undefined }[] = []
  const process = new EventEmitter()
  const writer = {
    write: (bytes: Uint8Array) => writes.push({ text: bytes.toString(), onBehalfOf: request.getStore() }),
  }
  return { lines: createLineBuffer(writer, process), writes, process }
}

it('writes the lines of one turn together, in their order, and those of the next apart', async () => {
  const { lines, writes } = buffered()
  lines.write('a\n')
  lines.write('b\n')
  expect(writes).toEqual([])
  await turn()
  lines.write('c\n')
  await turn()
  expect(writes.map(({ text }) => text)).toEqual(['a\nb\n', 'c\n'])
})

it('writes text of other alphabets as UTF-8', async () => {
  const { lines, writes } = buffered()
  lines.write('{"event_name":"größe ✓"}\n')
  await turn()
  expect(writes.map(({ text }) => text)).toEqual(['{"event_name":"größe ✓"}\n'])
})

it('writes what is left when the process ends, and nothing twice', async () => {
  const { lines, writes, process } = buffered()
  lines.write('last words\n')
  process.emit('exit')
  expect(writes).toHaveLength(1)
  await turn()
  expect(writes.map(({ text }) => text)).toEqual(['last words\n'])
})

it('writes on behalf of no request', async () => {
  const { lines, writes } = buffered()
  request.run('the first of the turn', () => lines.write('a\n'))
  request.run('another', () => lines.write('b\n'))
  await turn()
  expect(writes).toEqual([{ text: 'a\nb\n', onBehalfOf: undefined }])
})
