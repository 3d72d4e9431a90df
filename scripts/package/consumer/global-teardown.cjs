module.exports = () => globalThis.pipeline.close()
