import { compare, describeDifference } from './differences.ts'

describe('a difference', () => {
  it('is what would change at Customer.io, whatever type it gives a value', () => {
    const there = { plan: 'free', seats: '3', kept: 'x' }
    const difference = compare('u1', there, { plan: 'pro', seats: 3, email: null })
    expect(describeDifference(difference)).toBe('~ u1  plan: "free" → "pro"')
  })

  it('is everything for somebody who is not there', () => {
    expect(describeDifference(compare('u1', 'new', { plan: 'pro' }))).toBe('+ u1  plan: "pro"')
    expect(describeDifference(compare('u1', undefined, { plan: 'pro' }))).toBe('~ u1  plan: "pro"')
  })
})
