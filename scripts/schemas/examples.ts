import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CONTRACT_FOLDER } from './folders.ts'

/** The messages that the contract's README shows, which its test parses with the contract. */
export function exampleMessages(topic: string): unknown[] {
  const readme = readFileSync(join(CONTRACT_FOLDER, 'README.md'), 'utf8')
  return [...readme.matchAll(/^```json (\w+)\n([\s\S]*?)^```/gm)]
    .filter(([, name]) => name === topic)
    .map(([, , body = '']) => JSON.parse(body))
}
