/** Keeps the Google clients from asking for a metadata server that no test machine has. */
process.env.METADATA_SERVER_DETECTION = 'none'
