import { form, load, loginBody, startCeiling, startLatchkey, withScope } from '../processes.ts'
import { atLeast, type Row, rounds } from '../row.ts'

const seconds = Number(process.env.BENCH_SECONDS ?? 6)
const people = 200

/** Logins that another service decides, of people who are known already, against the bare hop to that service. */
export const httpLogins = (): Promise<Row[]> =>
  withScope(async (scope) => {
    const service = await startCeiling(scope, 'http-service', {})
    const hop = await startCeiling(scope, 'http-hop', { TARGET: service.url })
    const yaml = `
publicClient: true
limits: { ip: false }
backends:
  - { id: accounts, type: http, url: "${service.url}/", secret: "${'s'.repeat(32)}", email: { domains: [example.com] } }
`
    const server = await startLatchkey(scope, yaml)
    const bodies = Array.from({ length: people }, (_, at) => loginBody(`person-${at}`, 'correct horse battery'))
    const post = { method: 'POST', headers: form, connections: 64, bodies } as const
    const first = await load({ ...post, url: `${server.url}/token`, amount: people })
    if (first.failed > 0) throw new Error(`${first.failed} first logins failed`)
    const pairs: Array<readonly [number, number]> = []
    for (let round = 0; round < rounds; round++) {
      const limit = await load({ ...post, url: `${hop.url}/token`, seconds })
      const ours = await load({ ...post, url: `${server.url}/token`, seconds })
      if (ours.failed + limit.failed > 0) throw new Error(`${ours.failed} and ${limit.failed} logins failed`)
      pairs.push([limit.perSecond, ours.perSecond])
    }
    return [
      atLeast(0.5, {
        ...{ name: 'logins by another service, 64 connections', unit: '/s', pairs },
        note: 'limit: Fastify, undici, Fastify'
      })
    ]
  })
