import { shownAnswer } from './shown-answer.ts'

const answer = (who: string, number: string) => ({
  replayed: ['1795293971500002'],
  skipped: [{ messageId: '1795293971500003', why: `it would delete the current profile of ${who}` }],
  warnings: [{ warning: `${who} is held again`, messages: 2 }],
  failure: `Customer.io refused ${number}`,
  notes: [`resuming for ${who}`],
})

it('quotes nobody where personal data are masked, and keeps ids and its own words', () => {
  expect(shownAnswer(answer('ada@example.com', '+49 151 12345678'), true)).toEqual(answer('•••', '•••'))
})

it('leaves everything as it is where nothing is masked, and adds nothing to what has no words', () => {
  expect(shownAnswer(answer('ada@example.com', '1'), false)).toEqual(answer('ada@example.com', '1'))
  expect(shownAnswer({ purged: ['1'], notes: [] }, true)).toEqual({ purged: ['1'], notes: [] })
})
