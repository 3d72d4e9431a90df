/** `cio-gcp/testing`: for the tests of applications. Only `startLocalPipeline` needs packages beyond those of `cio-gcp`. */
export {
  createFakePublisher,
  type FakePublisher,
  type RecordedMessage,
} from '../../../shared/publisher/testing/fake-publisher.ts'
export { MemoryUserStore } from '../../../shared/repository/testing/memory-user-store.ts'
export {
  type StoreCase,
  type StoreUnderTest,
  USER_STORE_CONTRACT,
} from '../../../shared/repository/testing/user-store-contract.ts'
export {
  connectLocalPipeline,
  type DeadLetter,
  type LocalPipeline,
  type LocalPipelineOptions,
  type ReceivedOperation,
  type StartedPipeline,
  startLocalPipeline,
} from '../../local/pipeline.ts'
