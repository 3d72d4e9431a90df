import { FIRESTORE_EMULATOR, findGoogleEmulator, startGoogleEmulator } from '../../scripts/testing/google-emulator.ts'
import { keepsTheContract } from './testing/contract.ts'
import { byClientOn, directlyOn } from './testing/on-firestore.ts'

const jar = findGoogleEmulator(FIRESTORE_EMULATOR)
if (jar === undefined) {
  console.warn(
    "SKIPPED: Google's Firestore emulator was not found, so the contract ran against the embedded server only.\n" +
      'To run it against both: gcloud components install cloud-firestore-emulator (needs Java).',
  )
  describe("the ledger in Google's Firestore emulator", () => {
    it.skip('SKIPPED: not installed on this machine', () => {})
  })
} else {
  const start = () => startGoogleEmulator(FIRESTORE_EMULATOR, jar)
  describe.each([
    { name: 'as the function does it', subjectOn: directlyOn },
    { name: "by Google's client", subjectOn: byClientOn },
  ])("the ledger in Google's Firestore emulator, $name", ({ subjectOn }) =>
    keepsTheContract(async () => subjectOn(await start())),
  )
}
