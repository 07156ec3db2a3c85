import { folderOf, load, startCeiling, startLatchkey, tokenOf, withScope } from '../processes.ts'
import { atLeast, type Row, rounds } from '../row.ts'
import { seedUsers } from '../seed.ts'

const yaml = 'publicClient: true\nlimits: { ip: false }\nbackends: [{ id: local, type: local }]\n'
const password = 'correct horse battery'

/** `/userinfo` against a bare route that verifies the same token. */
export const userinfo = (): Promise<Row[]> =>
  withScope(async (scope) => {
    const folder = await folderOf(scope)
    const [email = ''] = await seedUsers(folder, { users: 1, password })
    const server = await startLatchkey(scope, yaml, { folder })
    const { keys } = (await (await fetch(`${server.url}/.well-known/jwks.json`)).json()) as { keys: object[] }
    const ceiling = await startCeiling(scope, 'verify', { JWK: JSON.stringify(keys[0]) })
    const headers = { authorization: `Bearer ${await tokenOf(server, email, password)}` }
    const get = { headers, connections: 64, seconds: 5 } as const
    const pairs: Array<readonly [number, number]> = []
    for (let round = 0; round <= rounds; round++) {
      const limit = await load({ ...get, url: `${ceiling.url}/userinfo` })
      const ours = await load({ ...get, url: `${server.url}/userinfo` })
      if (ours.failed + limit.failed > 0) throw new Error(`${ours.failed} and ${limit.failed} requests failed`)
      if (round > 0) pairs.push([limit.perSecond, ours.perSecond])
    }
    return [
      atLeast(0.6, { name: '/userinfo, 64 connections', unit: '/s', pairs, note: 'limit: bare route, same token' })
    ]
  })
