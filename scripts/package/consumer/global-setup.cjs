// Jest's globalSetup: one pipeline for all tests of a run.
const { startLocalPipeline } = require('cio-gcp/testing')

module.exports = async () => {
  globalThis.pipeline = await startLocalPipeline()
}
