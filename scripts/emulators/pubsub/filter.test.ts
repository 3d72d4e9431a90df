import fc from 'fast-check'
import { FilterSyntaxError, parseFilter } from './filter.ts'

const email = { object_type: 'email', metric: 'bounced', 'iana.org/language_tag': 'en' }

describe('a message filter', () => {
  it.each([
    ['attributes:metric', true],
    ['attributes:missing', false],
    ['attributes.metric = "bounced"', true],
    ['attributes.metric="bounced"', true],
    ['attributes.metric = "Bounced"', false],
    ['attributes.metric != "bounced"', false],
    ['attributes.metric != "opened"', true],
    ['attributes.missing != "anything"', true],
    ['attributes."iana.org/language_tag" = "en"', true],
    ['attributes:"iana.org/language_tag"', true],
    ['hasPrefix(attributes.metric, "bou")', true],
    ['hasPrefix ( attributes . metric , "ced" )', false],
    ['hasPrefix(attributes.missing, "")', false],
    ['NOT attributes:missing', true],
    ['-attributes:metric', false],
    ['NOT NOT attributes:metric', true],
    ['attributes:metric AND attributes.object_type = "email" AND NOT attributes:missing', true],
    ['attributes:missing OR attributes.object_type = "sms" OR attributes.metric = "bounced"', true],
    ['(attributes:missing OR attributes:metric) AND attributes.object_type = "email"', true],
    ['attributes:missing OR (attributes:metric AND NOT (attributes.object_type = "email"))', false],
    ['attributes.metric = "b\\x6fun\\u0063\\145d"', true],
    ['attributes:constructor', false],
  ])('%s matches: %s', (filter, matches) => {
    expect(parseFilter(filter)(email)).toBe(matches)
  })

  it.each([
    ['', 'expected "attributes" at 0, found the end'],
    ['metric = "bounced"', 'expected "attributes" at 0, found "metric"'],
    ['attributes.metric = bounced', 'expected a string in double quotes at 20, found "bounced"'],
    ["attributes.metric = 'bounced'", 'unexpected "\'" at 20'],
    ['attributes.metric > "a"', 'unexpected ">" at 18'],
    ['attributes.metric', 'expected "=" at 17, found the end'],
    ['attributes:metric and attributes:object_type', 'unexpected "and" at 18'],
    ['attributes:metric AND', 'expected "attributes" at 21, found the end'],
    ['(attributes:metric', 'expected ")" at 18, found the end'],
    ['attributes:a AND attributes:b OR attributes:c', 'AND and OR are mixed at 30: use parentheses'],
    ['hasPrefix(attributes:metric, "b")', 'expected "." at 20, found ":"'],
    ['attributes.metric = "open', 'unexpected "\\"" at 20'],
    ['attributes.metric = "\\q"', 'unknown escape \\q in the string at 20'],
    [`attributes:${'k'.repeat(300)}`, '311 bytes, at most 256'],
  ])('%s is refused', (filter, message) => {
    expect(() => parseFilter(filter)).toThrow(new FilterSyntaxError(message))
  })

  it('finds any value that is written as a literal, and never fails otherwise than by refusing', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 20 }), fc.string({ maxLength: 20 }), (value, noise) => {
        const literal = `"${value.replace(/[\\"]/g, '\\$&')}"`
        expect(parseFilter(`attributes.${literal} = ${literal}`)({ [value]: value })).toBe(true)
        try {
          parseFilter(`attributes${noise}`)
        } catch (error) {
          expect(error).toBeInstanceOf(FilterSyntaxError)
        }
      }),
    )
  })
})
