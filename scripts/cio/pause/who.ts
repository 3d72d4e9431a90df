import { userInfo } from 'node:os'
import type { Connection } from '../connection.ts'

/**
 * Who acts, for the next person to read: the account of the credentials, or the user of this machine where that has no
 * name. Proves nothing: Google's audit log does.
 */
export async function whoActs(connection: Connection): Promise<string> {
  return (connection.local ? undefined : await accountOf(connection)) ?? userInfo().username
}

async function accountOf(connection: Connection): Promise<string | undefined> {
  try {
    const { auth } = await connection.pubsub()
    const { client_email: serviceAccount } = await auth.getCredentials()
    if (serviceAccount) return serviceAccount
    const client = await auth.getClient()
    const { token } = await client.getAccessToken()
    if (!token || !('getTokenInfo' in client)) return undefined
    return (await client.getTokenInfo(token)).email
  } catch {
    // No name is no reason not to stop deliveries.
    return undefined
  }
}
