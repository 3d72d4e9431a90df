import {
  aboutToPublish,
  accepted,
  type Choice,
  choose,
  deadLettered,
  type Observation,
  observe,
  pendingAgain,
} from './choice.ts'

const seen = (value: boolean, at: number, source: Observation['source'] = 'click'): Observation => ({
  value,
  at,
  source,
})
/** Chosen in the application and published in the same second. */
function told(value: boolean, at: number, before?: Choice): Choice {
  const chosen = choose(before, value, at)
  return accepted(aboutToPublish(chosen, at), chosen)
}

describe('a choice', () => {
  it('of the application is pending until it was accepted, and stays so when it changed meanwhile', () => {
    const chosen = choose(undefined, false, 100)
    expect(chosen).toMatchObject({ value: false, changedAt: 100, timestamp: 100, origin: 'application', pending: true })
    expect(accepted(aboutToPublish(chosen, 100), chosen).pending).toBe(false)
    expect(accepted(choose(chosen, true, 100), chosen).pending).toBe(true)
  })

  it('has a later timestamp than the one before, also when the clock stands still or goes back', () => {
    const first = told(true, 100)
    expect(choose(first, false, 100).timestamp).toBe(101)
    expect(choose(first, false, 50)).toMatchObject({ changedAt: 100, timestamp: 101 })
  })

  it('is forgotten to be in flight when too much is', () => {
    let choice = choose(undefined, true, 1)
    for (let i = 0; i < 40; i++) choice = aboutToPublish(choice, i)
    expect(choice.inFlight).toHaveLength(16)
    expect(choice.inFlight.at(-1)).toEqual({ value: true, at: 39 })
  })

  describe('when a person changes it at Customer.io', () => {
    it('takes over what is newer, and has nothing to tell', () => {
      const { choice, outcome } = observe(told(true, 100), seen(false, 101))
      expect(outcome).toBe('accepted')
      expect(choice).toMatchObject({ value: false, changedAt: 101, origin: 'customerio', pending: false })
      expect(observe(choice, seen(false, 101))).toEqual({ choice, outcome: 'unchanged' })
    })

    it('does not tell an older choice any more that was never published', () => {
      const chosen = choose(undefined, true, 100)
      expect(observe(chosen, seen(false, 101)).choice).toMatchObject({ value: false, pending: false })
    })

    it('keeps the newer choice, and tells it again only if it was at Customer.io before', () => {
      const newer = told(true, 200)
      expect(observe(newer, seen(false, 100))).toMatchObject({
        outcome: 'late',
        choice: { value: true, pending: false },
      })
      expect(observe(newer, seen(false, 198))).toMatchObject({
        outcome: 'late',
        choice: { value: true, pending: true },
      })
      const theirs = observe(undefined, seen(true, 200)).choice
      expect(observe(theirs, seen(false, 198))).toMatchObject({ outcome: 'late', choice: { pending: false } })
    })

    it('takes over a click that our own message may have overridden meanwhile, and tells it', () => {
      const retold = { ...told(true, 105), timestamp: 111 }
      expect(observe(retold, seen(false, 110)).choice).toMatchObject({ value: false, timestamp: 112, pending: true })
    })

    it('opts out when both chose in the same second, and tells so with a later one', () => {
      for (const ours of [true, false]) {
        const { choice, outcome } = observe(told(ours, 100), seen(!ours, 100))
        expect(outcome).toBe('in_doubt')
        expect(choice).toMatchObject({ value: false, timestamp: 101, pending: true })
      }
    })
  })

  describe('when a webhook names no message', () => {
    it('is an echo while the same value is in flight, and changes nothing', () => {
      const { choice, outcome } = observe(told(false, 100), seen(false, 110, 'unattributed'))
      expect(outcome).toBe('echo')
      expect(choice).toMatchObject({ value: false, changedAt: 100, pending: false })
    })

    it('is no echo when it came before the publish or long after it', () => {
      const choice = told(true, 10_000, told(false, 5_000))
      expect(observe(choice, seen(false, 4_000, 'unattributed')).outcome).toBe('late')
      expect(observe(choice, seen(false, 20_000, 'unattributed')).outcome).toBe('accepted')
    })

    it('that is the echo of an older opt-in has the newer opt-out told again, in case it was somebody else after all', () => {
      const { choice, outcome } = observe(told(false, 105, told(true, 100)), seen(true, 110, 'unattributed'))
      expect(outcome).toBe('echo')
      expect(choice).toMatchObject({ value: false, changedAt: 105, timestamp: 111, pending: true })
      expect(observe(choice, seen(true, 110, 'unattributed')).choice.value).toBe(false)
    })

    it('that may be the echo of an older opt-out counts as the person’s, until the newer choice is heard of', () => {
      const { choice, outcome } = observe(told(true, 105, told(false, 100)), seen(false, 110, 'unattributed'))
      expect(outcome).toBe('accepted')
      expect(choice).toMatchObject({ value: false, changedAt: 110, pending: false })
      expect(observe(choice, seen(false, 110, 'unattributed')).choice.value).toBe(false)
      expect(observe(choice, seen(true, 111, 'unattributed')).choice).toMatchObject({ value: true, pending: false })
    })

    it('of an opt-out wins over an opt-in that was never published', () => {
      const { choice, outcome } = observe(choose(told(false, 100), true, 105), seen(false, 110, 'unattributed'))
      expect(outcome).toBe('in_doubt')
      expect(choice).toMatchObject({ value: false, timestamp: 111, pending: true })
    })

    it('does not undo a choice by an older one that Customer.io applied in the same second and reported later', () => {
      const confirmed = observe(told(true, 105, told(false, 100)), seen(true, 110, 'unattributed')).choice
      expect(observe(confirmed, seen(false, 110, 'unattributed'))).toMatchObject({
        outcome: 'late',
        choice: { value: true },
      })
    })

    it('does not undo a choice by an older one that Pub/Sub delivered twice', () => {
      const confirmed = observe(told(true, 100), seen(true, 101, 'unattributed')).choice
      const { choice, outcome } = observe(told(false, 120, confirmed), seen(true, 121, 'unattributed'))
      expect(outcome).toBe('echo')
      expect(choice.value).toBe(false)
    })

    it('is believed after a click, since nothing of ours can be applied any more', () => {
      const clicked = observe(told(true, 100), seen(false, 110)).choice
      const { choice, outcome } = observe(clicked, seen(true, 120, 'unattributed'))
      expect(outcome).toBe('accepted')
      expect(choice).toMatchObject({ value: true, pending: false })
    })

    it('moves the time of a choice that it repeats', () => {
      const { choice, outcome } = observe({ ...told(true, 100), inFlight: [] }, seen(true, 200, 'unattributed'))
      expect(outcome).toBe('unchanged')
      expect(choice).toMatchObject({ changedAt: 200, timestamp: 200, pending: false })
    })

    it('counts as an opt-out when it falls into the second of a choice that nothing explains', () => {
      const choice = { ...told(true, 100), inFlight: [] }
      expect(observe(choice, seen(false, 100, 'unattributed'))).toMatchObject({
        outcome: 'in_doubt',
        choice: { value: false },
      })
    })
  })

  it('that came with others and contradicts one on its way ends opted out', () => {
    const optedIn = told(true, 100, observe(undefined, seen(false, 50)).choice)
    expect(observe(optedIn, seen(false, 160, 'snapshot'))).toMatchObject({
      outcome: 'in_doubt',
      choice: { value: false },
    })
    const pending = choose(undefined, false, 100)
    expect(observe(pending, seen(true, 160, 'snapshot'))).toMatchObject({
      outcome: 'in_doubt',
      choice: { value: false },
    })
    const settled = told(true, 100)
    expect(observe(settled, seen(false, 100_000, 'snapshot')).outcome).toBe('accepted')
  })

  it('of a complaint is told to Customer.io, once', () => {
    for (const before of [undefined, told(true, 50)]) {
      const { choice } = observe(before, seen(false, 100, 'complaint'))
      expect(choice).toMatchObject({ value: false, pending: true })
      expect(observe(choice, seen(false, 100, 'complaint'))).toEqual({ choice, outcome: 'unchanged' })
    }
  })

  it('whose message became a dead letter stays to be told, whenever that is heard of', () => {
    const chosen = choose(undefined, false, 100)
    const underWay = aboutToPublish(chosen, 100)
    expect(accepted(deadLettered(underWay), chosen).pending).toBe(true)
    expect(deadLettered(accepted(underWay, chosen)).pending).toBe(true)
  })

  it('that Customer.io made is not told again', () => {
    const theirs = observe(undefined, seen(false, 100)).choice
    expect(pendingAgain(theirs)).toBe(theirs)
    expect(deadLettered(theirs)).toBe(theirs)
    expect(pendingAgain(told(false, 100)).pending).toBe(true)
  })
})
