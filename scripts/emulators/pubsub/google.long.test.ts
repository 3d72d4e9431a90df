import { findGoogleEmulator, PUBSUB_EMULATOR, startGoogleEmulator } from '../../testing/google-emulator.ts'
import { keepsTheContract } from './testing/contract.ts'
import { bothWiresKeepTheContract } from './testing/wires-contract.ts'

const jar = findGoogleEmulator(PUBSUB_EMULATOR)
if (jar === undefined) {
  console.warn(
    "SKIPPED: Google's Pub/Sub emulator was not found, so the contract ran against the embedded server only.\n" +
      'To run it against both: gcloud components install pubsub-emulator (needs Java).',
  )
  describe("Google's Pub/Sub emulator", () => {
    it.skip('SKIPPED: not installed on this machine', () => {})
  })
} else
  describe("Google's Pub/Sub emulator", () => {
    keepsTheContract(() => startGoogleEmulator(PUBSUB_EMULATOR, jar))
    bothWiresKeepTheContract(() => startGoogleEmulator(PUBSUB_EMULATOR, jar))
  })
