import { json } from 'node:stream/consumers'
import autocannon, { type Request } from 'autocannon'

/** What the load process is told on its standard input, as JSON. */
export interface Load {
  readonly url: string
  readonly connections: number
  readonly seconds?: number
  readonly amount?: number
  /** Requests per second at most: a look now and then, and no load of its own. */
  readonly rate?: number
  readonly method?: 'GET' | 'POST'
  readonly headers?: Record<string, string>
  /** Sent in turn. */
  readonly bodies?: readonly string[]
  /** Asked for in turn, in the place of the URL's. */
  readonly paths?: readonly string[]
  /** Refreshed again and again; more of them than there are connections. */
  readonly refreshTokens?: readonly string[]
}

/** What it measured. */
export interface Measured {
  /** Of 2xx answers. */
  readonly perSecond: number
  readonly p99Ms: number
  readonly answers: number
  /** Answers that were not 2xx, and errors. */
  readonly failed: number
  /** How often each status was answered; 0: a connection that failed. */
  readonly statuses: Readonly<Record<string, number>>
}

const {
  url,
  connections,
  seconds = 5,
  amount,
  rate,
  method = 'GET',
  headers = {},
  bodies,
  paths,
  refreshTokens
} = (await json(process.stdin)) as Load
let sent = 0
// One request with a body set anew, since autocannon would build every body for every connection before it begins, and have
// all connections send the same at the same time.
const requests = bodies && [
  { method, headers, setupRequest: (request: Request) => ({ ...request, body: bodies[sent++ % bodies.length] ?? '' }) }
]
const looking = paths && [
  { method, headers, setupRequest: (request: Request) => ({ ...request, path: paths[sent++ % paths.length] ?? '' }) }
]
const live = [...(refreshTokens ?? [])]
const refreshing = refreshTokens && [
  {
    method,
    headers,
    setupRequest: (request: Request) => ({
      ...request,
      body: `grant_type=refresh_token&refresh_token=${live.shift() ?? ''}`
    }),
    onResponse: (status: number, body: string) => {
      if (status === 200) live.push((JSON.parse(body) as { refresh_token: string }).refresh_token)
    }
  }
]
const bound = amount === undefined ? { duration: seconds } : { amount }
const chosen = refreshing ?? requests ?? looking
const result = await autocannon({
  url,
  connections,
  method,
  headers,
  ...bound,
  // it ends at one of its looks only
  sampleInt: 50,
  ...(rate ? { overallRate: rate } : {}),
  ...(chosen ? { requests: chosen } : {})
})
const measured: Measured = {
  perSecond: result['2xx'] / result.duration,
  p99Ms: result.latency.p99,
  answers: result.requests.total,
  failed: result.non2xx + result.errors + result.timeouts,
  statuses: {
    ...Object.fromEntries(Object.entries(result.statusCodeStats ?? {}).map(([status, { count }]) => [status, count])),
    ...(result.errors > 0 ? { 0: result.errors } : {})
  }
}
process.stdout.write(JSON.stringify(measured))
