import { generateKeyPairSync } from 'node:crypto'
import { parse } from 'node:querystring'
import { createSigner } from 'fast-jwt'
import Fastify from 'fastify'
import { Client, EqualityFilter } from 'ldapts'

/** The bare minimum of a directory login: one search and one bind on warm connections, one signature. No checks, no database. */
const { PORT, LDAP_URL = '', BIND_DN = '', BIND_PASSWORD = '', BASE = '' } = process.env
const privateKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
  format: 'pem',
  type: 'pkcs8'
})
const sign = createSigner({ key: String(privateKey), algorithm: 'ES256', expiresIn: 600_000 })

const searching: Client[] = []
const binding: Client[] = []
for (let n = 0; n < 16; n++) {
  const client = new Client({ url: LDAP_URL })
  await client.bind(BIND_DN, BIND_PASSWORD)
  searching.push(client)
  const other = new Client({ url: LDAP_URL })
  await other.bind(BIND_DN, BIND_PASSWORD)
  binding.push(other)
}
const waiting = new Map<Client[], Array<(client: Client) => void>>([
  [searching, []],
  [binding, []]
])

async function using<Result>(pool: Client[], work: (client: Client) => Promise<Result>): Promise<Result> {
  const queue = waiting.get(pool) ?? []
  const client = pool.pop() ?? (await new Promise<Client>((resolve) => queue.push(resolve)))
  try {
    return await work(client)
  } finally {
    const next = queue.shift()
    if (next) next(client)
    else pool.push(client)
  }
}

const app = Fastify()
app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) => {
  done(null, parse(String(body)))
})
app.get('/ready', async () => 'ok')
app.post('/token', async (request) => {
  const { username = '', password = '' } = request.body as { username?: string; password?: string }
  const filter = new EqualityFilter({ attribute: 'uid', value: username })
  const attributes = ['uid', 'mail', 'givenName', 'sn', 'displayName', 'initials', 'employeeNumber', 'entryUUID']
  const { searchEntries } = await using(searching, (client) =>
    client.search(BASE, { filter, attributes, sizeLimit: 2 })
  )
  const [entry] = searchEntries
  if (entry === undefined) throw new Error('unknown')
  await using(binding, (client) => client.bind(entry.dn, password))
  return {
    access_token: sign({ sub: String(entry.entryUUID), email: String(entry.mail) }),
    token_type: 'Bearer',
    expires_in: 600
  }
})
await app.listen({ port: Number(PORT), host: '127.0.0.1' })
