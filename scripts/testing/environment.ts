/** Keeps the Google clients from asking for a metadata server that no test machine has. */
process.env.METADATA_SERVER_DETECTION = 'none'

/**
 * Properties draw the same values in every run. `FAST_CHECK_SEED=$RANDOM npm test -- SUITE` draws others; a failure
 * prints its seed.
 */
jest.mock('fast-check', () => {
  const actual = jest.requireActual<typeof import('fast-check')>('fast-check')
  actual.configureGlobal({ seed: Number(process.env.FAST_CHECK_SEED ?? 1) })
  return actual
})
