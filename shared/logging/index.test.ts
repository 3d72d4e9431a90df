import { createLog, type LogFields } from './index.ts'

type Severity = Parameters<typeof createLog>[0]['level']

function written(use: (log: ReturnType<typeof createLog>) => void, level?: Severity, projectId?: string) {
  const lines: Record<string, unknown>[] = []
  const destination = { write: (line: string) => lines.push(JSON.parse(line)) }
  use(
    createLog({
      functionName: 'track',
      clock: { now: () => 0 },
      destination,
      ...(level && { level }),
      ...(projectId && { projectId }),
    }),
  )
  return lines
}

it('writes one line per event, with the fields that Cloud Logging knows', () => {
  const [line] = written((log) => log.info('delivered', { event: 'message', outcome: 'delivered', latencyMs: 12 }))
  expect(line).toEqual({
    severity: 'INFO',
    time: '1970-01-01T00:00:00.000Z',
    message: 'delivered',
    'logging.googleapis.com/labels': { function: 'track' },
    event: 'message',
    outcome: 'delivered',
    latency_ms: 12,
  })
})

it('has the four severities, and leaves out what is below its level', () => {
  const all = (log: ReturnType<typeof createLog>) => {
    log.debug('d', { event: 'e' })
    log.info('i', { event: 'e' })
    log.warning('w', { event: 'e' })
    log.error('e', { event: 'e' })
  }
  const severities = (level?: Severity) => written(all, level).map(({ severity }) => severity)
  expect(severities('DEBUG')).toEqual(['DEBUG', 'INFO', 'WARNING', 'ERROR'])
  expect(severities()).toEqual(['INFO', 'WARNING', 'ERROR'])
  expect(severities('ERROR')).toEqual(['ERROR'])
})

it('lets nothing through that is not on its list', () => {
  const fields: LogFields = Object.assign(
    { event: 'message' },
    { email: 'ann@example.com', attributes: { plan: 'pro' } },
  )
  const [line] = written((log) => log.info('delivered', fields))
  expect(JSON.stringify(line)).not.toMatch(/ann@example|plan/)
})

it('names the trace as Cloud Logging wants it, and no trace that is not one', () => {
  const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  const log = (value: string) => (to: ReturnType<typeof createLog>) => to.info('m', { event: 'e', trace: value })
  expect(written(log(trace), 'INFO', 'p')[0]).toMatchObject({
    'logging.googleapis.com/trace': 'projects/p/traces/0af7651916cd43dd8448eb211c80319c',
  })
  expect(written(log('nonsense'), 'INFO', 'p')[0]).not.toHaveProperty(['logging.googleapis.com/trace'])
  expect(written(log(trace))[0]).not.toHaveProperty(['logging.googleapis.com/trace'])
})
