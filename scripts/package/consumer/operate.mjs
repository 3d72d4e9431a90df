// An operator at work: the command finds the pipeline by the environment.
import { execFileSync } from 'node:child_process'

const message = '{"identifiers":{"id":"ada"}}'
console.log(execFileSync('npx', ['cio-gcp', 'publish', 'identify', message, '--local'], { encoding: 'utf8' }).trim())
