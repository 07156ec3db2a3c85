import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import { createServer as createSecureServer, type ServerOptions } from 'node:https'
import { buffer } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'
import { decode, type Shape } from './protobuf.ts'

/** opentelemetry-proto 1.9: common, resource, trace and metrics. */
const anyValue: Shape = {
  1: ['value', 'string'],
  2: ['value', 'bool'],
  3: ['value', 'uint'],
  4: ['value', 'double'],
  5: ['value', () => ({ 1: ['values[]', () => anyValue] })]
}
const keyValue: Shape = { 1: ['key', 'string'], 2: ['value', anyValue] }
const resource: Shape = { 1: ['attributes[]', keyValue], 2: ['dropped', 'uint'] }
const scope: Shape = { 1: ['name', 'string'], 2: ['version', 'string'] }
const status: Shape = { 2: ['message', 'string'], 3: ['code', 'uint'] }
const spanShape: Shape = {
  1: ['traceId', 'hex'],
  2: ['spanId', 'hex'],
  3: ['traceState', 'string'],
  4: ['parent', 'hex'],
  5: ['name', 'string'],
  6: ['kind', 'uint'],
  7: ['start', 'fixed64'],
  8: ['end', 'fixed64'],
  9: ['attributes[]', keyValue],
  10: ['droppedAttributes', 'uint'],
  12: ['droppedEvents', 'uint'],
  14: ['droppedLinks', 'uint'],
  15: ['status', status],
  16: ['flags', 'fixed32']
}
const numberPoint: Shape = {
  2: ['start', 'fixed64'],
  3: ['time', 'fixed64'],
  4: ['value', 'double'],
  7: ['attributes[]', keyValue]
}
const histogramPoint: Shape = {
  2: ['start', 'fixed64'],
  3: ['time', 'fixed64'],
  4: ['count', 'fixed64'],
  5: ['sum', 'double'],
  6: ['counts', 'packed fixed64'],
  7: ['bounds', 'packed double'],
  9: ['attributes[]', keyValue]
}
const metricShape: Shape = {
  1: ['name', 'string'],
  2: ['description', 'string'],
  3: ['unit', 'string'],
  5: ['gauge', { 1: ['points[]', numberPoint] }],
  7: ['sum', { 1: ['points[]', numberPoint], 2: ['temporality', 'uint'], 3: ['isMonotonic', 'bool'] }],
  9: ['histogram', { 1: ['points[]', histogramPoint], 2: ['temporality', 'uint'] }]
}
const requestOf = (item: Shape): Shape => ({
  1: ['resources[]', { 1: ['resource', resource], 2: ['scopes[]', { 1: ['scope', scope], 2: ['items[]', item] }] }]
})

type Attributes = Readonly<Record<string, unknown>>

/** A span as it arrived, with the attributes of whoever sent it. */
export interface ReceivedSpan {
  readonly traceId: string
  readonly spanId: string
  /** Absent: it has none. */
  readonly parent?: string
  readonly traceState?: string
  readonly name: string
  /** 1: internal, 2: server. */
  readonly kind: number
  readonly start: bigint
  readonly end: bigint
  readonly attributes: Attributes
  /** 2: error. */
  readonly status: { readonly code?: number; readonly message?: string }
  readonly resource: Attributes
}

/** One line of a figure, as it arrived. */
export interface ReceivedPoint {
  readonly attributes: Attributes
  readonly value?: number
  readonly count?: bigint
  readonly sum?: number
  readonly counts?: readonly number[]
  readonly bounds?: readonly number[]
}

/** A figure as it arrived. */
export interface ReceivedMetric {
  readonly name: string
  readonly description: string
  readonly unit?: string
  readonly kind: 'gauge' | 'sum' | 'histogram'
  readonly isMonotonic?: boolean
  readonly points: readonly ReceivedPoint[]
  readonly resource: Attributes
}

/** One request to the collector. */
export interface OtlpRequest {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** A receiver of OTLP over HTTP. */
export interface Collector {
  readonly url: string
  readonly requests: readonly OtlpRequest[]
  spans(): ReceivedSpan[]
  /** Each as it arrived last. */
  metrics(): Map<string, ReceivedMetric>
  /** From now on; `undefined`: with success. */
  answer(how: ((response: ServerResponse) => unknown) | undefined): void
  /** Waits until what has come is enough. */
  until(enough: () => boolean): Promise<void>
  stop(): Promise<void>
}

/** Starts one on a loopback port; it ends with the test. */
export async function startCollector(
  t: { teardown(end: () => unknown): unknown },
  { port = 0, tls }: { readonly port?: number; readonly tls?: ServerOptions } = {}
): Promise<Collector> {
  const requests: OtlpRequest[] = []
  const waiting = new Set<() => void>()
  let how: ((response: ServerResponse) => unknown) | undefined
  const success = (response: ServerResponse) =>
    response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end()
  const listener: Parameters<typeof createServer>[1] = async (request, response) => {
    const sent = await buffer(request).catch(() => Buffer.alloc(0))
    const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(sent) : sent
    requests.push({ path: request.url ?? '', headers: request.headers, body })
    for (const look of waiting) look()
    await (how ?? success)(response)
  }
  const server = tls ? createSecureServer(tls, listener) : createServer(listener)
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const stop = async () => {
    server.close()
    server.closeAllConnections()
  }
  t.teardown(stop)
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const itemsOf = (path: string, shape: Shape) =>
    requests
      .filter((request) => request.path.endsWith(path))
      .flatMap(({ body }) => flat(decode(body, requestOf(shape))))
  return {
    url: `${tls ? 'https' : 'http'}://127.0.0.1:${address.port}`,
    requests,
    spans: () => itemsOf('/v1/traces', spanShape).map(spanOf),
    metrics: () =>
      new Map(
        itemsOf('/v1/metrics', metricShape)
          .map(metricOf)
          .map((metric) => [metric.name, metric])
      ),
    answer(next) {
      how = next
    },
    until: (enough) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`${requests.length} requests were not enough`)), 30_000)
        const look = () => {
          if (!enough()) return
          clearTimeout(timer)
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
        look()
      }),
    stop
  }
}

// biome-ignore lint/suspicious/noExplicitAny: what was decoded has the shape that it was decoded by
type Decoded = any

const flat = ({ resources = [] }: Decoded): Decoded[] =>
  resources.flatMap(({ resource, scopes }: Decoded) =>
    scopes.flatMap(({ items }: Decoded) => items.map((item: Decoded) => ({ ...item, resource })))
  )

const attributesOf = ({ attributes = [] }: Decoded): Attributes =>
  Object.fromEntries(attributes.map(({ key, value }: Decoded) => [key, value.value]))

const spanOf = (span: Decoded): ReceivedSpan => ({
  ...span,
  status: span.status ?? {},
  attributes: attributesOf(span),
  resource: attributesOf(span.resource)
})

function metricOf({ gauge, sum, histogram, resource, ...metric }: Decoded): ReceivedMetric {
  const { points, isMonotonic } = gauge ?? sum ?? histogram
  const kind = gauge ? 'gauge' : sum ? 'sum' : 'histogram'
  const lines = points.map((point: Decoded) => ({ ...point, attributes: attributesOf(point) }))
  return { ...metric, kind, isMonotonic, points: lines, resource: attributesOf(resource) }
}
