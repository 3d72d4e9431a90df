import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'yaml'
import { PROJECT_ROOT } from '../topology/topology.ts'
import { connect } from './connection.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cio-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

describe('a local stack', () => {
  const endpoints = () => join(folder, 'endpoints.json')

  it('that was never started is named, with what to do', async () => {
    const connecting = connect({ local: true, endpoints: endpoints() })
    await expect(connecting).rejects.toMatchObject({
      message: `there is no ${endpoints()}`,
      hint: expect.stringContaining('npm start'),
    })
  })

  it('that has ended is found out at once', async () => {
    const nobody = '127.0.0.1:9'
    const document = {
      projectId: 'p',
      PUBSUB_EMULATOR_HOST: nobody,
      FIRESTORE_EMULATOR_HOST: nobody,
      BIGQUERY_EMULATOR_HOST: nobody,
      CUSTOMERIO_TRACK_URL: '',
      CUSTOMERIO_APP_URL: '',
      functions: {},
      secrets: '',
    }
    writeFileSync(endpoints(), JSON.stringify(document))
    await expect(connect({ local: true, endpoints: endpoints() })).rejects.toThrow('is not running')
    writeFileSync(endpoints(), '{')
    await expect(connect({ local: true, endpoints: endpoints() })).rejects.toThrow('was not written by the local stack')
  })
})

describe('an environment', () => {
  it('of Terraform gives project and region', async () => {
    process.env.CIO_STATE_DIR = folder
    const connection = await connect({ local: false, env: 'prod' })
    const file = join(PROJECT_ROOT, 'terraform/environments/prod/values.yaml')
    const { project_id: projectId, customerio_region: region } = parse(readFileSync(file, 'utf8'))
    expect(await connection.projectId()).toBe(projectId)
    expect(connection.customerIo().region).toBe(region)
    expect(connection.stateDirectory).toBe(join(folder, projectId))
  })

  it.each([
    '',
    'terraform',
    'terraform/environments',
    'terraform/environments/dev',
    'terraform/environments/acme',
    'src/deep',
  ])('is found from the folder %p upwards', async (below) => {
    const values = join(folder, 'terraform/environments/acme')
    mkdirSync(values, { recursive: true })
    mkdirSync(join(folder, below), { recursive: true })
    writeFileSync(join(values, 'values.yaml'), 'project_id: acme-prod\ncustomerio_region: eu\n')
    const connection = await connect({ local: false, env: 'acme', from: join(folder, below) })
    expect(await connection.projectId()).toBe('acme-prod')
  })

  it('with a prefix is a pipeline of its own, with names and journals of its own', async () => {
    process.env.CIO_STATE_DIR = join(folder, 'state')
    mkdirSync(join(folder, 'uk'))
    const values = 'project_id: acme-prod\ncustomerio_region: eu\nname_prefix: uk-\n'
    writeFileSync(join(folder, 'uk/values.yaml'), values)
    const { topology, name, stateDirectory } = await connect({ local: false, env: 'uk', from: folder })
    expect(Object.keys(topology.topics)).toContain('uk-track')
    expect(topology).toMatchObject({ ledger: { database: 'uk-send-ledger' }, bigquery: { dataset: 'uk_customerio' } })
    expect([name, stateDirectory]).toEqual(['project acme-prod, pipeline uk-', join(folder, 'state/acme-prod.uk-')])
    const other = connect({ local: false, env: 'uk', namePrefix: 'us-', from: folder })
    await expect(other).rejects.toThrow('--name-prefix says us-')
  })

  it('with what is no prefix is refused, with the file', async () => {
    mkdirSync(join(folder, 'uk'))
    const file = join(folder, 'uk/values.yaml')
    writeFileSync(file, 'project_id: p\ncustomerio_region: eu\nname_prefix: UK\n')
    await expect(connect({ local: false, env: 'uk', from: folder })).rejects.toThrow(
      /uk\/values\.yaml: [\s\S]*name_prefix/,
    )
    const given = connect({ local: false, project: 'p', namePrefix: 'uk' })
    await expect(given).rejects.toMatchObject({ exitCode: 2 })
  })

  it('that is nowhere above is a wrong command line, with what to do', async () => {
    await expect(connect({ local: false, env: 'prod', from: folder })).rejects.toMatchObject({
      exitCode: 2,
      message: `--env prod: there is no terraform/environments/prod/values.yaml, neither in ${folder} nor above it`,
    })
  })

  it('in the region eu is reached at its hosts', async () => {
    const connection = await connect({ local: false, project: 'p', region: 'eu' })
    expect(connection.customerIo().urls()).toEqual({
      track: 'https://track-eu.customer.io/api/v1',
      app: 'https://api-eu.customer.io/v1',
    })
  })

  it('that there is not is a wrong command line', async () => {
    await expect(connect({ local: false, env: '../x' })).rejects.toMatchObject({ exitCode: 2 })
    await expect(connect({ local: false, region: 'asia' })).rejects.toMatchObject({ exitCode: 2 })
  })
})
