/**
 * Makes a row of `message_outcomes` of a log line: of the LogEntry that a sink of Cloud Logging publishes. Pub/Sub runs this
 * text before it writes to BigQuery, so it can import nothing. A line that is no such entry makes it throw, and goes to the
 * dead letters.
 *
 * Most fields of a line have the name of their column. Pub/Sub leaves out those that have none.
 */
function flatten(message) {
  const { timestamp, insertId, labels, trace = '', jsonPayload: line } = JSON.parse(message.data)
  const [person] = line.persons || []
  const row = {
    ...line,
    publish_time: line.publish_time || timestamp,
    ended_at: timestamp,
    function: labels.function,
    final: line.answer === 204,
    person,
    trace: trace.split('/').pop() || undefined,
    insert_id: insertId,
  }
  return { data: JSON.stringify(row), attributes: {} }
}
