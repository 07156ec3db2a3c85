import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import {
  defaultResource,
  detectResources,
  type Resource,
  resourceAttributesEnvDetector,
  resourceFromAttributes,
  serviceNameEnvDetector
} from '@opentelemetry/resources'
import { PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics'
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider
} from '@opentelemetry/sdk-trace'
import type { Log } from '../auth/ports.ts'
import type { Tracer } from '../auth/tracing.ts'
import type { TelemetryConfig } from '../config/config.ts'
import type { Metrics } from '../metrics.ts'
import { createFigures } from './figures.ts'
import { createOutcomes, type Outcome, telling } from './sending.ts'
import { createTracer } from './tracer.ts'

/** What a configuration tells of the service. */
export interface Telemetry {
  /** Absent: traces are not wanted. */
  readonly tracer?: Tracer
  /** Sends what is left, in 3 seconds at most. */
  close(): Promise<void>
}

/** What telemetry is made of. */
export interface TelemetryTools {
  readonly log: Log
  readonly metrics: Pick<Metrics, 'families'>
  readonly issuer: string
  readonly version: string
  /** Tells this process from others of the service. */
  readonly instance: string
}

const closeMs = 3_000

/** Sends traces and figures by OTLP over HTTP, in protobuf. A receiver that is down disturbs nobody: what does not fit is dropped. */
export async function openTelemetry(config: TelemetryConfig, tools: TelemetryTools): Promise<Telemetry> {
  const resource = resourceOf(config, tools)
  const outcome = createOutcomes(tools.log)
  const shared = await sharedOptions(config, tools)
  const provider = config.traces && tracesOf(config.traces, { resource, outcome, shared })
  const reader = config.metrics && figuresOf(config.metrics, { resource, outcome, shared }, tools)
  return {
    ...(provider && { tracer: createTracer(provider.getTracer('latchkey', tools.version), tools.issuer) }),
    async close() {
      const closing = [provider?.shutdown(), reader?.shutdown()].map((work) => work?.catch(() => {}))
      const patience = new AbortController()
      const late = sleep(closeMs, undefined, { signal: patience.signal }).catch(() => {})
      await Promise.race([Promise.all(closing), late])
      patience.abort()
    }
  }
}

interface Sending {
  readonly resource: Resource
  readonly outcome: Outcome
  readonly shared: Awaited<ReturnType<typeof sharedOptions>>
}

function tracesOf(
  { url, sampling: { ratio, followsCaller }, delayMs }: NonNullable<TelemetryConfig['traces']>,
  { resource, outcome, shared }: Sending
): TracerProvider {
  const root = new TraceIdRatioBasedSampler(ratio)
  const exporter = telling(new OTLPTraceExporter({ ...shared, url }), 'traces', outcome)
  const delay = delayMs === undefined ? {} : { scheduledDelayMillis: delayMs }
  return new TracerProvider({
    resource,
    sampler: followsCaller ? new ParentBasedSampler({ root }) : root,
    spanProcessors: [new BatchSpanProcessor({ exporter, ...delay })]
  })
}

function figuresOf(
  { url, intervalMs }: NonNullable<TelemetryConfig['metrics']>,
  { resource, outcome, shared }: Sending,
  { metrics, version }: TelemetryTools
): PeriodicExportingMetricReader {
  const exporter = telling(new OTLPMetricExporter({ ...shared, url }), 'metrics', outcome)
  const interval = intervalMs === undefined ? {} : { exportIntervalMillis: intervalMs }
  const reader = new PeriodicExportingMetricReader({ exporter, ...interval })
  reader.setMetricProducer(createFigures({ read: metrics.families, resource, version }))
  return reader
}

/** What is left out here the exporters take from the variables of OpenTelemetry. */
async function sharedOptions({ headers, timeoutMs, tls }: TelemetryConfig, { version }: TelemetryTools) {
  return {
    headers: { ...headers },
    userAgent: `Latchkey/${version}`,
    ...(timeoutMs !== undefined && { timeoutMillis: timeoutMs }),
    ...(tls && { httpAgentOptions: { keepAlive: true, ...(await filesOf(tls)) } })
  }
}

async function filesOf(tls: NonNullable<TelemetryConfig['tls']>): Promise<Record<string, Buffer>> {
  const named = Object.entries(tls).flatMap(([name, file]) => (file === undefined ? [] : [[name, file] as const]))
  return Object.fromEntries(await Promise.all(named.map(async ([name, file]) => [name, await readFile(file)] as const)))
}

/** What the file says goes before what OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say. */
function resourceOf({ service }: TelemetryConfig, { version, instance }: TelemetryTools): Resource {
  const own = { 'service.name': 'latchkey', 'service.version': version, 'service.instance.id': instance }
  const detectors = [resourceAttributesEnvDetector, serviceNameEnvDetector]
  return defaultResource()
    .merge(resourceFromAttributes(own))
    .merge(detectResources({ detectors }))
    .merge(resourceFromAttributes(service === undefined ? {} : { 'service.name': service }))
}
