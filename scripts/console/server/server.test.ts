import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import { isListening } from '../../emulators/ports.ts'
import { type Console, startConsole } from '../console.ts'
import { type Area, ConsoleError, read, SandboxedDocument } from './area.ts'
import { LARGEST_BODY_BYTES } from './body.ts'

const page = { script: 'run()', style: 'main {}' }
const done: unknown[] = []
const errors: unknown[] = []
const senders = new Set<(event: unknown) => void>()

const area: Area = {
  name: 'sample',
  routes: [
    { method: 'GET', path: '/api/sample/:id', run: ({ params, query }) => ({ id: params.id, q: query.get('q') }) },
    {
      method: 'GET',
      path: '/api/mail',
      run: () => new SandboxedDocument('<script>evil()</script>', { remoteImages: false }),
    },
    { method: 'GET', path: '/api/broken', run: () => Promise.reject(new Error('ada@example.com')) },
    {
      method: 'GET',
      path: '/api/refusing',
      run: () => {
        throw new ConsoleError('no', { status: 409, field: 'a' })
      },
    },
    {
      method: 'POST',
      path: '/api/do',
      run: ({ body }) => done.push(read(z.object({ a: z.object({ b: z.number() }) }), body)),
    },
  ],
  feeds: {
    ticks: (send) => {
      senders.add(send)
      return () => senders.delete(send)
    },
  },
}

let server: Console
beforeAll(async () => {
  server = await startConsole({
    ...{ port: 0, areas: [area], environment: 'a "b" <c>', flags: '--local', deployed: false, page },
    onError: (error) => errors.push(error),
  })
})
afterAll(() => server.close())

interface Asked {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** By node:http: fetch sets neither the host nor `sec-fetch-site`. */
async function ask(path: string, { method = 'GET', headers = {}, body }: Asked = {}) {
  const asking = httpRequest(new URL(server.url), { method, path, headers }).end(body)
  const [response] = await once(asking, 'response')
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk)
  return { status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) }
}

const json = ({ body }: { body: Buffer }) => JSON.parse(body.toString())
const act = (headers: Record<string, string> = {}, body = '{"a":{"b":1}}') =>
  ask('/api/do', {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-console-token': server.token, ...headers },
    body,
  })

describe('a request that does not come from the page', () => {
  it.each(['evil.example', 'evil.example:80', '127.0.0.1', '127.0.0.1:1', 'localhost.evil.example', '0.0.0.0:PORT'])(
    'is refused with the host %s',
    async (host) => {
      const answer = await ask('/', { headers: { host: host.replace('PORT', new URL(server.url).port) } })
      expect(answer.status).toBe(403)
      expect(answer.body.toString()).not.toContain(server.token)
    },
  )

  it.each(['localhost', '[::1]'])('is answered with the host %s', async (name) => {
    const { status } = await ask('/', { headers: { host: `${name}:${new URL(server.url).port}` } })
    expect(status).toBe(200)
  })

  it.each([
    ['origin', 'http://evil.example'],
    ['origin', 'null'],
    ['origin', 'http://127.0.0.1:1'],
    ['sec-fetch-site', 'cross-site'],
    ['sec-fetch-site', 'same-site'],
  ])('is refused with the %s %s', async (name, value) => {
    expect((await ask('/api/sample/1', { headers: { [name]: value } })).status).toBe(403)
    expect((await act({ [name]: value })).status).toBe(403)
    expect(done).toEqual([])
  })

  it.each([
    ['without a token', { 'x-console-token': '' }, 403],
    ['with a token that only begins like it', { 'x-console-token': 'a' }, 403],
    ['as a form', { 'content-type': 'application/x-www-form-urlencoded' }, 415],
    ['as text', { 'content-type': 'text/plain' }, 415],
  ])('does nothing when it posts %s', async (_, headers, status) => {
    expect((await act(headers)).status).toBe(status)
    expect(done).toEqual([])
  })

  it.each(['PUT', 'DELETE', 'OPTIONS', 'PATCH'])('is refused by %s', async (method) => {
    const answer = await ask('/api/do', { method, headers: { 'x-console-token': server.token } })
    expect(answer.status).toBe(405)
    expect(answer.headers).not.toHaveProperty('access-control-allow-origin')
  })

  it('finds nobody at any other address of this machine', async () => {
    const port = Number(new URL(server.url).port)
    expect(await isListening(port)).toBe(true)
    expect(await isListening(port, '127.0.0.2')).toBe(false)
  })
})

describe('a key', () => {
  let keyed: Console
  let key: string
  beforeAll(async () => {
    keyed = await startConsole({
      ...{ port: 0, areas: [area], environment: 'prod', flags: '--env prod', deployed: true, page },
      onError: (error) => errors.push(error),
    })
    key = new URL(keyed.url).searchParams.get('key') ?? ''
  })
  afterAll(() => keyed.close())

  const open = (path: string, cookie = '') =>
    fetch(new URL(path, keyed.url), { redirect: 'manual', headers: { cookie, 'x-console-token': keyed.token } })

  it('is changed for a cookie that no script and no other site has, and leaves the address', async () => {
    const answer = await open(keyed.url)
    expect([answer.status, answer.headers.get('location')]).toEqual([303, '/'])
    const { port } = new URL(keyed.url)
    expect(answer.headers.get('set-cookie')).toBe(`cio-gcp-console-${port}=${key}; Path=/; HttpOnly; SameSite=Strict`)
    const cookie = `other=1; cio-gcp-console-${port}=${key}`
    for (const path of ['/', '/page.js', '/api/sample/1']) expect((await open(path, cookie)).status).toBe(200)
  })

  it.each([
    ['none', () => ''],
    ['an empty one', (port: string) => `cio-gcp-console-${port}=`],
    ['a part of it', (port: string) => `cio-gcp-console-${port}=${key.slice(0, -1)}`],
    ['that of another console', () => `cio-gcp-console-1=${key}`],
  ])('keeps out who has %s, even with the token', async (_, cookie) => {
    for (const path of ['/', '/page.js', '/api/sample/1', '/api/live', '/api/none', `/api/sample/1?key=${key}`]) {
      const answer = await open(path, cookie(new URL(keyed.url).port))
      expect([path, answer.status]).toEqual([path, 401])
      expect(await answer.text()).not.toContain(key)
    }
  })
})

describe('the page', () => {
  it('is served with a policy that runs its own script only', async () => {
    const { status, headers } = await ask('/')
    expect(status).toBe(200)
    const policy = String(headers['content-security-policy'])
    expect(policy).toContain("default-src 'none'; script-src 'self'")
    expect(policy).not.toContain('unsafe')
    expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' })
  })

  it('tells the token and the areas in its document, whatever the environment is called', async () => {
    const response = await fetch(server.url)
    const text = await response.text()
    const [, content = ''] = /<meta name="console" content="([^"]*)">/.exec(text) ?? []
    const facts = JSON.parse(content.replaceAll('&quot;', '"').replaceAll('&lt;', '<').replaceAll('&gt;', '>'))
    expect(facts).toEqual({
      token: server.token,
      areas: ['sample'],
      feeds: ['ticks'],
      flags: '--local',
      environment: 'a "b" <c>',
      deployed: false,
    })
    expect(text).toContain('<title>cio-gcp a &quot;b&quot; &lt;c&gt;</title>')
  })

  it('has a script and a style sheet', async () => {
    expect(await (await fetch(new URL('page.js', server.url))).text()).toBe(page.script)
    expect(await (await fetch(new URL('page.css', server.url))).text()).toBe(page.style)
  })

  it.each([
    '/../package.json',
    '/%2e%2e/package.json',
    '/page.js/../../package.json',
    '//etc/passwd',
    '/__proto__',
    '/constructor',
  ])('serves no file by %s', async (path) => {
    expect((await ask(path)).status).toBe(404)
  })

  it('outlives an address that cannot be read', async () => {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1')
    socket.end(`GET :99999/ HTTP/1.1\r\nhost: ${new URL(server.url).host}\r\n\r\n`)
    const [answer] = await once(socket, 'data')
    expect(String(answer)).toMatch(/^HTTP\/1\.1 400/)
    expect((await ask('/')).status).toBe(200)
  })
})

describe('an area', () => {
  it('is asked with the parts of the path and the query', async () => {
    expect(json(await ask('/api/sample/a%2Fb?q=1'))).toEqual({ id: 'a/b', q: '1' })
  })

  it('acts on a body that it can read', async () => {
    expect((await act()).status).toBe(200)
    expect(done.splice(0)).toEqual([{ a: { b: 1 } }])
  })

  it('names the field of a body that it cannot read', async () => {
    const answer = await act({}, '{"a":{"b":"x"}}')
    expect(answer.status).toBe(400)
    expect(json(answer).error).toEqual({ message: expect.stringContaining('number'), field: 'a.b' })
  })

  it.each(['{', '', 'undefined'])('refuses %j, which is no JSON', async (body) => {
    const answer = await act({}, body)
    expect(answer.status).toBe(400)
    expect(json(answer).error.message).toBe('the body is no JSON')
  })

  it('refuses a huge body before it has come', async () => {
    const asking = httpRequest(new URL('/api/do', server.url), {
      method: 'POST',
      headers: {
        ...{ 'content-type': 'application/json', 'x-console-token': server.token },
        'content-length': String(LARGEST_BODY_BYTES + 1),
      },
    })
    asking.on('error', () => undefined)
    asking.flushHeaders()
    const [response] = await once(asking, 'response')
    expect(response.statusCode).toBe(413)
    asking.destroy()
  })

  it('refuses a huge body that does not say its length', async () => {
    const asking = httpRequest(new URL('/api/do', server.url), {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-console-token': server.token },
    })
    asking.on('error', () => undefined)
    asking.write('"')
    for (let sent = 0; sent <= LARGEST_BODY_BYTES; sent += 1_048_576) asking.write(' '.repeat(1_048_576))
    const [response] = await once(asking, 'response')
    expect(response.statusCode).toBe(413)
    asking.destroy()
  })

  it('tells a refusal, and of an error nothing but that there was one', async () => {
    const refused = await ask('/api/refusing')
    expect(refused.status).toBe(409)
    expect(json(refused)).toEqual({ error: { message: 'no', field: 'a' } })
    const broken = await ask('/api/broken')
    expect(broken.status).toBe(500)
    expect(broken.body.toString()).not.toContain('ada')
    expect(errors.splice(0)).toEqual([new Error('ada@example.com')])
  })

  it('shows the HTML of others without scripts, wherever it is opened', async () => {
    const { headers } = await ask('/api/mail')
    const policy = String(headers['content-security-policy'])
    expect(policy).toContain("default-src 'none'")
    expect(policy).toMatch(/; sandbox$/)
    expect(policy).not.toMatch(/script-src|https:/)
  })

  it('may not claim a route or a feed of another', async () => {
    const twice = (other: Area) =>
      startConsole({
        port: 0,
        areas: [area, other],
        environment: 'local',
        flags: '--local',
        deployed: false,
        page,
        onError: () => {},
      })
    const routes = [{ method: 'GET', path: '/api/sample/:other', run: () => 1 }] as const
    await expect(twice({ name: 'other', routes })).rejects.toThrow('/api/sample/:other')
    await expect(twice({ name: 'other', routes: [], feeds: { ticks: () => () => {} } })).rejects.toThrow('feed')
  })
})

describe('a feed', () => {
  const open = async (query: string) => {
    const asking = httpRequest(new URL(`/api/live?${query}`, server.url)).end()
    const [response] = await once(asking, 'response')
    return { asking, response }
  }

  it('brings what happens together, and ends with the page', async () => {
    const { asking, response } = await open('feed=ticks')
    let text = ''
    const told = new Promise<void>((resolve) => {
      response.on('data', (chunk: Buffer) => {
        text += chunk
        if (text.includes('data:')) resolve()
      })
    })
    for (const send of senders) for (const n of [1, 2]) send({ n })
    await told
    expect(text).toContain('data: {"feed":"ticks","events":[{"n":1},{"n":2}]}\n\n')
    response.on('error', () => undefined)
    asking.destroy()
    const signal = AbortSignal.timeout(10_000)
    while (senders.size > 0) await delay(1, undefined, { signal })
  })

  it('says that some were lost instead of keeping any number for a slow page', async () => {
    const { asking, response } = await open('feed=ticks')
    const [first] = await once(response, 'data')
    for (const send of senders) for (let n = 0; n < 5_001; n++) send({ n })
    const [second] = await once(response, 'data')
    expect(`${first}${second}`).toContain('data: {"feed":"ticks","lost":true}')
    response.on('error', () => undefined)
    asking.destroy()
  })

  it('is refused by a name that is none', async () => {
    const { response } = await open('feed=nothing')
    expect(response.statusCode).toBe(404)
    response.resume()
  })
})
