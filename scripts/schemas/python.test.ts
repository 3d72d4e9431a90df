import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { findPython } from '../testing/python.ts'
import { exampleMessages } from './examples.ts'
import { CONTRACT_FOLDER } from './folders.ts'
import { pythonTypes } from './python.ts'

const PYTHON = findPython()
const withPython = PYTHON === undefined ? it.skip : it
const skipped = PYTHON === undefined ? ' (SKIPPED: no Python 3.11 or newer on the path)' : ''

/** Finds what a type checker would: fields that a TypedDict does not have, required ones that are missing, other literals. */
const CHECK = `
import json, sys, typing
from typing import Any, Literal, Union, get_args, get_origin, is_typeddict
import customerio_messages as types

def fits(value, expected):
    if expected is Any:
        return True
    if is_typeddict(expected):
        hints = typing.get_type_hints(expected)
        return (isinstance(value, dict) and expected.__required_keys__ <= value.keys() <= hints.keys()
                and all(fits(value[name], hints[name]) for name in value))
    origin, arguments = get_origin(expected), get_args(expected)
    if origin is Union:
        return any(fits(value, one) for one in arguments)
    if origin is Literal:
        return value in arguments
    if origin is list:
        return isinstance(value, list) and all(fits(item, arguments[0]) for item in value)
    if origin is dict:
        return isinstance(value, dict) and all(fits(item, arguments[1]) for item in value.values())
    return isinstance(value, expected)

print(json.dumps([fits(message, getattr(types, name)) for name, message in json.load(sys.stdin)]))
`

function fits(messages: readonly (readonly [type: string, message: unknown])[]): unknown {
  const options = {
    input: JSON.stringify(messages),
    encoding: 'utf8',
    env: { ...process.env, PYTHONPATH: join(CONTRACT_FOLDER, 'python'), PYTHONDONTWRITEBYTECODE: '1' },
  } as const
  return JSON.parse(execFileSync(PYTHON ?? '', ['-c', CHECK], options))
}

describe('the types for Python', () => {
  withPython(`fit every example${skipped}`, () => {
    const examples = [
      ...exampleMessages('identify').map((message) => ['IdentifyMessage', message] as const),
      ...exampleMessages('track').map((message) => ['TrackMessage', message] as const),
      ...exampleMessages('transactional').map((message) => ['TransactionalMessage', message] as const),
    ]
    expect(fits(examples)).toEqual(examples.map(() => true))
  })

  withPython(`fit nothing else${skipped}`, () => {
    const wrong = [
      ['TrackMessage', { identifiers: { id: 'u1' } }],
      ['TrackMessage', { identifiers: { id: 'u1' }, name: 'x', data: {} }],
      ['TrackMessage', { identifiers: { user: 'u1' }, name: 'x' }],
      ['TransactionalMessage', { channel: 'fax', identifiers: { id: 'u1' }, to: 'a@example.com' }],
      ['TransactionalMessage', { channel: 'email', identifiers: { id: 'u1' } }],
    ] as const
    expect(fits(wrong)).toEqual(wrong.map(() => false))
  })

  it('are not made from two meanings of one name', () => {
    const schema = (type: string) => ({ title: 'M', type: 'object', properties: {}, $defs: { D: { type } } })
    expect(() => pythonTypes([schema('string'), schema('boolean')])).toThrow('D has two meanings')
  })
})
