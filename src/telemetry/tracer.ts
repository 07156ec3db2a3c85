import {
  type Context,
  defaultTextMapGetter,
  defaultTextMapSetter,
  type Span as OtelSpan,
  type Tracer as OtelTracer,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace
} from '@opentelemetry/api'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import type { Facts, Span, Tracer } from '../auth/tracing.ts'
import { BackendUnavailable, Refusal } from '../errors.ts'

/** Those of RFC 9110 and 5789: any other would be what a caller typed. */
const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'])
const propagator = new W3CTraceContextPropagator()

/**
 * Spans of requests as OpenTelemetry's semantic conventions for HTTP servers have them, but for what callers write: there is no
 * path, no address and no User-Agent. Nothing is global: each tracer ends with its configuration.
 * @param issuer where the service is reached
 */
export function createTracer(tracer: OtelTracer, issuer: string): Tracer {
  const { protocol, hostname, port } = new URL(issuer)
  const server = { 'server.address': hostname, ...(port !== '' && { 'server.port': Number(port) }) }
  return {
    begin(written, headers) {
      const parent = propagator.extract(ROOT_CONTEXT, headers, defaultTextMapGetter)
      const method = methods.has(written) ? written : '_OTHER'
      const name = method === '_OTHER' ? 'HTTP' : method
      const attributes = { 'http.request.method': method, 'url.scheme': protocol.slice(0, -1), ...server }
      const span = tracer.startSpan(name, { kind: SpanKind.SERVER, attributes }, parent)
      const { traceId, spanId } = span.spanContext()
      let hasEnded = false
      return Object.assign(spanIn(trace.setSpan(parent, span), span, tracer), {
        ...{ traceId, spanId },
        end(route: string | undefined, status: number | undefined) {
          if (hasEnded) return
          hasEnded = true
          if (route !== undefined) span.updateName(`${name} ${route}`).setAttribute('http.route', route)
          if (status !== undefined) span.setAttribute('http.response.status_code', status)
          if (status === undefined || status >= 500) fail(span, status === undefined ? 'aborted' : `${status}`)
          span.end()
        }
      })
    }
  }
}

/** A span that nobody takes down hands its ids on, and has no parts. */
function spanIn(context: Context, own: OtelSpan, tracer: OtelTracer): Span {
  const span: Span = {
    tell: (facts) => void own.setAttributes(facts),
    run: (name, work, facts) => (own.isRecording() ? timed(name, work, facts, context, tracer) : work(span)),
    get headers() {
      const headers: Record<string, string> = {}
      propagator.inject(context, headers, defaultTextMapSetter)
      return headers
    }
  }
  return span
}

async function timed<Result>(
  name: string,
  work: (part: Span) => Promise<Result>,
  facts: Facts | undefined,
  parent: Context,
  tracer: OtelTracer
): Promise<Result> {
  const span = tracer.startSpan(name, { ...(facts && { attributes: facts }) }, parent)
  try {
    return await work(spanIn(trace.setSpan(parent, span), span, tracer))
  } catch (error) {
    if (error instanceof Refusal && error.statusCode < 500) span.setAttribute('latchkey.outcome', error.code)
    else fail(span, classOf(error))
    throw error
  } finally {
    span.end()
  }
}

function fail(span: OtelSpan, errorClass: string): void {
  span.setAttribute('error.type', errorClass).setStatus({ code: SpanStatusCode.ERROR })
}

/** A word, never a text: texts quote what they are about. */
function classOf(error: unknown): string {
  const word = error instanceof BackendUnavailable ? error.reason : error instanceof Error ? error.name : ''
  return /^[A-Za-z][\w-]{0,49}$/.test(word) ? word : '_OTHER'
}
