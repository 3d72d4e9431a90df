import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
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
