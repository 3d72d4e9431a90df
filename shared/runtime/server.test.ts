import { once } from 'node:events'
import { Agent, get, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getServer } from './server.ts'

it('keeps a connection for as long as the sender does', async () => {
  const server = getServer((_request, response) => void response.writeHead(204).end(), { signatureType: 'http' })
  const agent = new Agent({ keepAlive: true })
  try {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const [response]: IncomingMessage[] = await once(get({ port, host: '127.0.0.1', agent }), 'response')
    // With a time of its own, Node would tell the sender: `Keep-Alive: timeout=5`.
    expect(response?.headers).toMatchObject({ connection: 'keep-alive' })
    expect(response?.headers).not.toHaveProperty('keep-alive')
  } finally {
    agent.destroy()
    server.close()
  }
})
