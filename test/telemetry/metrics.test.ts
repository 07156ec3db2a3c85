import { readFile } from 'node:fs/promises'
import { millisToHrTime } from '@opentelemetry/core'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { DataPointType } from '@opentelemetry/sdk-metrics'
import fc from 'fast-check'
import { Counter, Histogram, Registry } from 'prom-client'
import t from 'tap'
import { createFigures } from '../../src/telemetry/figures.ts'
import { createOutcomes } from '../../src/telemetry/sending.ts'
import { openTestLatchkey, temporaryFolder } from '../latchkey.ts'
import { createCertificates } from '../servers/certificates.ts'
import { type ReceivedMetric, startCollector } from '../servers/otlp-collector.ts'

const line = /^(\w+)(?:\{(.*)\})? (\S+)$/

/** The lines of `/metrics` that stand still while nobody calls, as `name{labels}` and their values. */
const linesOf = (text: string): Map<string, number> =>
  new Map(
    text
      .split('\n')
      .map((row) => line.exec(row))
      .filter((row) => row !== null && !/^latchkey_(process|nodejs)_/.test(row[1] ?? ''))
      .map((row) => [`${row?.[1]}{${(row?.[2] ?? '').split(',').sort()}}`, Number(row?.[3])])
  )

/** What Prometheus would write for a figure that arrived. */
function linesFor({ name, kind, points }: ReceivedMetric): Array<[string, number]> {
  return points.flatMap(({ attributes, value, count, sum, counts = [], bounds = [] }): Array<[string, number]> => {
    const labels = Object.entries(attributes).map(([label, text]) => `${label}="${text}"`)
    const key = (suffix: string, more: readonly string[] = []) => `${name}${suffix}{${[...labels, ...more].sort()}}`
    if (kind !== 'histogram') return [[key(''), value ?? Number.NaN]]
    let below = 0
    const buckets = counts.map((own, index): [string, number] => {
      below += own
      return [key('_bucket', [`le="${bounds[index] ?? '+Inf'}"`]), below]
    })
    return [...buckets, [key('_sum'), sum ?? Number.NaN], [key('_count'), Number(count)]]
  })
}

t.test('the figures that arrive are those of /metrics: every line, and no other', async (t) => {
  const collector = await startCollector(t)
  const latchkey = await openTestLatchkey(
    t,
    `publicClient: true
login: { failureFloor: 1ms }
backends: [{ id: local, type: local }]
telemetry: { service: logins, otlp: { endpoint: "${collector.url}/", traces: false, headers: { x-tenant: "one" } } }`
  )
  await latchkey.addUser({ email: 'alice@example.com', password: 'one' })
  for (let round = 0; round < 3; round++) await latchkey.accessToken('alice@example.com', 'one')
  for (const username of ['alice@example.com', 'bob'])
    await latchkey.token({ grant_type: 'password', username, password: 'x' })
  const text = (await latchkey.app.inject({ url: '/metrics' })).body
  await latchkey.close()
  const expected = linesOf(text)
  const arrived = new Map(
    [...collector.metrics().values()].filter(({ name }) => !/^latchkey_(process|nodejs)_/.test(name)).flatMap(linesFor)
  )
  t.ok(expected.size > 40)
  t.equal(expected.get('latchkey_logins_total{backend="local",outcome="accepted"}'), 3)
  t.same([...arrived].sort(), [...expected].sort())

  const logins = collector.metrics().get('latchkey_logins_total')
  t.match(logins, { kind: 'sum', isMonotonic: true, description: /^Logins by the backend/ })
  t.match(collector.metrics().get('latchkey_login_duration_seconds'), { kind: 'histogram', unit: 's' })
  t.match(collector.metrics().get('latchkey_process_resident_memory_bytes'), { kind: 'gauge', unit: 'By' })
  t.match(logins?.resource, { 'service.name': 'logins' })
  t.same(new Set(collector.requests.map(({ path }) => path)), new Set(['/v1/metrics']))
  t.match(collector.requests[0]?.headers, { 'x-tenant': 'one', 'content-type': 'application/x-protobuf' })
})

t.test('they are sent again and again, over TLS to a receiver that asks who we are', async (t) => {
  const files = await createCertificates(await temporaryFolder(t))
  const own = await createCertificates(await temporaryFolder(t), { prefix: 'client' })
  const [cert, key, ca] = await Promise.all([files.cert, files.key, own.ca].map((name) => readFile(name, 'utf8')))
  if (!cert || !key || !ca) throw new Error('no certificates')
  const collector = await startCollector(t, { tls: { cert, key, ca, requestCert: true, rejectUnauthorized: true } })
  const tls = `ca: ${files.ca}, cert: ${own.cert}, key: ${own.key}`
  const latchkey = await openTestLatchkey(
    t,
    `backends: [{ id: local, type: local }]
telemetry: { otlp: { endpoint: "${collector.url}", interval: 1s, tls: { ${tls} } } }`
  )
  await collector.until(() => collector.requests.length >= 2)
  await latchkey.close()
  t.notMatch(latchkey.log(), /telemetry_unsent/)
})

t.test('each bucket holds what fell between its bounds, whatever was measured', async (t) => {
  const values = fc.array(fc.double({ min: 0, max: 12, noNaN: true }), { maxLength: 60 })
  const bounds = fc.uniqueArray(fc.integer({ min: 1, max: 10 }), { minLength: 1, maxLength: 6 })
  await fc.assert(
    fc.asyncProperty(values, bounds, async (measured, unsorted) => {
      const buckets = unsorted.toSorted((a, b) => a - b)
      const registers = [new Registry()]
      const histogram = new Histogram({ name: 'h', help: 'h', labelNames: ['le_', 'a'], buckets, registers })
      const counter = new Counter({ name: 'c', help: 'c', labelNames: ['a'], registers })
      for (const value of measured) histogram.observe({ a: 'x"y' }, value)
      for (const value of measured) counter.inc({ a: 1 }, value)
      const read = async () =>
        (await registers[0]?.getMetricsAsJSON())?.map((one) => ({ ...one, type: `${one.type}` })) ?? []
      const { resourceMetrics } = await createFigures({
        read,
        resource: resourceFromAttributes({}),
        version: '1'
      }).collect()
      const metrics = resourceMetrics.scopeMetrics[0]?.metrics ?? []
      const points = (type: DataPointType) =>
        metrics.flatMap(({ dataPointType, dataPoints }) => (dataPointType === type ? [...dataPoints] : []))
      if (measured.length === 0) return metrics.length === 0
      const [point] = points(DataPointType.HISTOGRAM)
      const inside = (value: number, index: number) =>
        value <= (buckets[index] ?? Number.POSITIVE_INFINITY) &&
        value > (buckets[index - 1] ?? Number.NEGATIVE_INFINITY)
      const counts = [...buckets, undefined].map((_, index) => measured.filter((value) => inside(value, index)).length)
      t.match(point, {
        attributes: { a: 'x"y' },
        value: { count: measured.length, buckets: { boundaries: buckets, counts } }
      })
      t.match(points(DataPointType.SUM)[0], {
        attributes: { a: '1' },
        startTime: millisToHrTime(performance.timeOrigin)
      })
      return true
    }),
    { numRuns: 50 }
  )
})

t.test('the log tells of what does not arrive once a minute, for each signal, in a word', (t) => {
  const lines: object[] = []
  const log = { debug() {}, info() {}, error() {}, warn: (fields: object) => void lines.push(fields) }
  let now = 0
  const outcome = createOutcomes(log, () => now)
  const quoting = Object.assign(new Error('refused: Bearer canary'), { code: 403 })
  for (let round = 0; round < 100; round++) outcome('traces', quoting)
  outcome('metrics', Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }))
  outcome('metrics', undefined)
  now = 60_000
  outcome('traces', new Error('Request timed out'))
  outcome('metrics', Object.assign(new Error('canary'), { code: 'a canary' }))
  t.same(lines, [
    { event: 'telemetry_unsent', signal: 'traces', error: 'status-403', count: 1 },
    { event: 'telemetry_unsent', signal: 'metrics', error: 'ECONNREFUSED', count: 1 },
    { event: 'telemetry_unsent', signal: 'traces', error: 'timeout', count: 100 },
    { event: 'telemetry_unsent', signal: 'metrics', error: 'failed', count: 1 }
  ])
  t.end()
})
