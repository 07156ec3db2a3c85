import { Client, EqualityFilter } from 'ldapts'
import type { Way } from './way.ts'

const { LDAP_URL = '', BIND_DN = '', BIND_PASSWORD = '', BASE = '' } = process.env
const attributes = ['uid', 'mail', 'givenName', 'sn', 'displayName', 'initials', 'employeeNumber', 'entryUUID']
const connections = 16

/** One search and one bind by ldapts on warm connections. */
export async function openLdap(): Promise<Way> {
  const searching = await poolOf()
  const binding = await poolOf()
  return async ({ username = '', password = '' }) => {
    const filter = new EqualityFilter({ attribute: 'uid', value: username })
    const { searchEntries } = await searching((client) => client.search(BASE, { filter, attributes, sizeLimit: 2 }))
    const [entry] = searchEntries
    if (entry === undefined) throw new Error('unknown')
    await binding((client) => client.bind(entry.dn, password))
    return { subject: String(entry.entryUUID), email: String(entry.mail) }
  }
}

type Using = <Result>(work: (client: Client) => Promise<Result>) => Promise<Result>

async function poolOf(): Promise<Using> {
  const free: Client[] = []
  for (let n = 0; n < connections; n++) {
    const client = new Client({ url: LDAP_URL })
    await client.bind(BIND_DN, BIND_PASSWORD)
    free.push(client)
  }
  const waiting: Array<(client: Client) => void> = []
  return async (work) => {
    const client = free.pop() ?? (await new Promise<Client>((resolve) => waiting.push(resolve)))
    try {
      return await work(client)
    } finally {
      const next = waiting.shift()
      if (next) next(client)
      else free.push(client)
    }
  }
}
