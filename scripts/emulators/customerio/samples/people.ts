import type { Origin } from './catalogue.ts'

/** A person of the samples. The ids of three alphabets show that nothing on the way assumes ASCII. */
export interface SamplePerson {
  readonly id: string
  readonly email: string
  readonly cio_id: string
  readonly phone: string
}

const ADA: SamplePerson = { id: 'u-1001', email: 'ada@example.com', cio_id: 'a1b206000001', phone: '+447700900001' }
const GRACE: SamplePerson = { id: 'u-1002', email: 'grace@example.org', cio_id: 'a1b206000002', phone: '+12025550102' }
const MARIE: SamplePerson = {
  id: 'użytkownik-3',
  email: 'marie@example.net',
  cio_id: 'a1b206000003',
  phone: '+48500000003',
}
const NOOR: SamplePerson = { id: 'نور-4', email: 'noor@example.com', cio_id: 'a1b206000004', phone: '+971500000004' }
const HEDY: SamplePerson = {
  id: 'ユーザー5',
  email: 'hedy@example.org',
  cio_id: 'a1b206000005',
  phone: '+819000000005',
}

/** One person an origin, so that each sample delivery has a life of its own. */
export const PERSON_OF: Readonly<Record<Origin, SamplePerson>> = {
  campaign: ADA,
  broadcast: GRACE,
  newsletter: MARIE,
  transactional: NOOR,
  nomessage: HEDY,
}
