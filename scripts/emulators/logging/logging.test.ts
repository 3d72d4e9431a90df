import { LogRouter } from './index.ts'

function routed(chunks: readonly (string | Uint8Array)[], filter = 'jsonPayload.event="message"') {
  const delivered: unknown[] = []
  const router = new LogRouter({
    project: 'p',
    now: () => 1_000,
    sinks: [{ filter, deliver: (entries) => delivered.push(...entries.map((entry) => JSON.parse(entry))) }],
  })
  const stream = router.stream('track')
  for (const chunk of chunks) stream.write(Buffer.from(chunk))
  return delivered
}

it('carries a line as an entry, without what Cloud Logging treats specially', () => {
  const line = {
    ...{ severity: 'INFO', time: '2026-11-21T10:00:00.000Z', message: 'delivered', event: 'message' },
    'logging.googleapis.com/labels': { function: 'track' },
    'logging.googleapis.com/trace': 'projects/p/traces/0af7651916cd43dd8448eb211c80319c',
  }
  expect(routed([`${JSON.stringify(line)}\n`])).toEqual([
    {
      logName: 'projects/p/logs/run.googleapis.com%2Fstdout',
      insertId: '1000-1',
      timestamp: '2026-11-21T10:00:00.000Z',
      receiveTimestamp: '1970-01-01T00:00:01.000Z',
      resource: { type: 'cloud_run_revision', labels: { project_id: 'p', service_name: 'track' } },
      severity: 'INFO',
      labels: { function: 'track' },
      trace: 'projects/p/traces/0af7651916cd43dd8448eb211c80319c',
      jsonPayload: { message: 'delivered', event: 'message' },
    },
  ])
})

it('carries what passes the filter, and gives each entry an id of its own', () => {
  const lines = ['{"event":"message","n":1}', '{"event":"other"}', 'oops', '[]', '{"event":"message","n":2}']
  expect(routed([`${lines.join('\n')}\n`])).toMatchObject([
    { insertId: '1000-1', jsonPayload: { n: 1 } },
    { insertId: '1000-5', jsonPayload: { n: 2 } },
  ])
  expect(routed(['oops\n'], 'textPayload:"oops"')).toMatchObject([{ textPayload: 'oops', severity: 'DEFAULT' }])
})

it('puts lines together however they are cut, and leaves out the one that was not finished', () => {
  const bytes = Buffer.from('{"event":"message","name":"ä"}\n{"event":"message","name":"b"}\n{"event":"mess')
  for (let cut = 1; cut < bytes.length; cut++) {
    const entries = routed([bytes.subarray(0, cut), bytes.subarray(cut)])
    expect(entries.map((entry) => Object(entry).jsonPayload.name)).toEqual(['ä', 'b'])
  }
})
