import { setTimeout as delay } from 'node:timers/promises'
import { http } from '@google-cloud/functions-framework'

/** A function as the framework alone runs it, with nothing of shared/runtime. The body says what it should do. */
http('plain', async (request, response) => {
  const { task } = Object(request.body)
  if (task === 'tell its domain')
    response.json({ inDomain: Reflect.has(process, 'domain') && Reflect.get(process, 'domain') != null })
  else if (task === 'write two lines') {
    process.stdout.write('{"first":1}\n{"second":2}\n')
    response.status(204).end()
  } else if (task === 'hold') {
    console.log('holding')
    await delay(5_000)
    response.status(204).end()
  } else response.json({ received: typeof request.body })
})
