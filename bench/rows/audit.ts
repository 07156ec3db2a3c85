import { setTimeout as sleep } from 'node:timers/promises'
import { peopleBase, personName, userPassword } from '../../test/servers/ldap-fixtures.ts'
import { type Slapd, startSlapd } from '../../test/servers/slapd.ts'
import { form, loginBody, type Served, soundLoad, startCeiling, withScope } from '../processes.ts'
import { atMostTimes, inTurn, type Row, rounds } from '../row.ts'

const known = Number(process.env.BENCH_PEOPLE ?? 1000)
const logins = Number(process.env.BENCH_LOGINS ?? 5000)
/** One login in ten is somebody's first, which is an event for the webhook as well. */
const newcomers = Math.round(logins / 10)
const people = known + newcomers * (rounds + 1)
const connections = 64

const settings = ({ url, bind }: Slapd, webhook: string): string => `
publicClient: true
limits: { ip: false }
backends:
  - id: corp
    type: ldap
    servers: ["${url}"]
    insecure: true
    bind: { dn: "${bind.dn}", password: "${bind.password}" }
    users: [{ base: "${peopleBase}", filter: "(uid={username})" }]
    email: { domains: [example.com] }
${webhook}`

const webhookTo = (url: string): string =>
  `webhooks: [{ id: bench, url: "${url}/hook", secret: "whsec_${Buffer.alloc(32, 's').toString('base64')}", allowPrivate: [127.0.0.0/8] }]\n`

const bodyOf = (person: number): string => loginBody(personName(person), userPassword)

/** Directory logins with audit and a webhook, against the same service without either. */
export const audit = (): Promise<Row[]> =>
  withScope(async (scope) => {
    const slapd = await startSlapd({ teardown: (end) => scope.teardown(end) }, { people })
    const receiver = await startCeiling(scope, 'receiver', {})
    const start = (env: Record<string, string>, webhook: string): Promise<Served> =>
      startCeiling(scope, 'service', env, { yaml: settings(slapd, webhook), ready: '/livez' })
    const without = await start({ AUDIT: 'none' }, '')
    const withBoth = await start({}, webhookTo(receiver.url))
    const firstKnown = Array.from({ length: known }, (_, at) => bodyOf(at + 1))
    for (const { url } of [without, withBoth]) {
      const post = { url: `${url}/token`, method: 'POST', headers: form, connections } as const
      await soundLoad({ ...post, bodies: firstKnown, amount: known })
    }
    let [expected, slowest] = [known, 0]
    await taken(receiver, expected)
    const timeWithout = timerOf(without)
    const timeWith = timerOf(withBoth)
    const pairs = await inTurn(timeWithout, async () => {
      const ms = await timeWith()
      expected += newcomers
      slowest = Math.max(slowest, await taken(receiver, expected))
      return ms
    })
    const name = 'LDAP login with audit and a webhook, 64 connections'
    const note = `limit: no event is written, no webhook; every tenth login a first one; all ${expected} webhooks came, the last ${Math.round(slowest)} ms after the logins`
    return [atMostTimes(1.1, { name, unit: 'ms', pairs, note })]
  })

/** Waits until so many webhooks came, so that none slows down what is measured next; answers for how many milliseconds. */
async function taken({ url }: Served, count: number): Promise<number> {
  const began = performance.now()
  for (;;) {
    const came = Number(await (await fetch(`${url}/ready`)).text())
    if (came >= count) return performance.now() - began
    if (performance.now() - began > 120_000) throw new Error(`${came} of ${count} webhooks came`)
    await sleep(100)
  }
}

/** Milliseconds for each of many logins; each time with other newcomers. */
function timerOf({ url }: Served): () => Promise<number> {
  let next = known + 1
  return async () => {
    const bodies = Array.from({ length: logins }, (_, at) =>
      at % 10 === 9 ? bodyOf(next++) : bodyOf((at % known) + 1)
    )
    const post = { url: `${url}/token`, method: 'POST', headers: form, connections, bodies } as const
    return 1000 / (await soundLoad({ ...post, amount: logins })).perSecond
  }
}
