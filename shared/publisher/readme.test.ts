import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { identifyMessage, parseMessage } from '../contract/index.ts'
import { MessagingPublisher } from './index.ts'

const readme = readFileSync(join(import.meta.dirname, 'README.md'), 'utf8')

describe('the README', () => {
  it.each([
    ['gcloud', /--message='(.*?)'/],
    ['Python', /^body = (.*)$/m],
  ])('publishes with %s what keeps the contract', (_, pattern) => {
    const body = pattern.exec(readme)?.[1] ?? ''
    expect(parseMessage(identifyMessage, Buffer.from(body))).toMatchObject({ ok: true })
  })

  it('names every method', () => {
    const methods = Object.getOwnPropertyNames(MessagingPublisher.prototype).filter((name) => name !== 'constructor')
    for (const method of methods.filter((name) => name !== 'flush')) expect(readme).toContain(method)
  })
})
