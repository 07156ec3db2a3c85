import { when } from './checks.ts'
import type { Finding } from './config-error.ts'

/** A variable is empty where it is not set, as OpenTelemetry has it. */
type Environment = Readonly<Record<string, string | undefined>>

/** Which traces are taken that begin here, and whether a caller's own decision goes before. */
export interface Sampling {
  /** 0 to 1. */
  readonly ratio: number
  readonly followsCaller: boolean
}

/** The two kinds of figures that are sent, as the variables and the paths of OTLP (OTLP 1.9, 4.4.1) call them. */
export const signals = { traces: 'TRACES', metrics: 'METRICS' } as const

/** One of them. */
export type Signal = keyof typeof signals

/** What the variables that OpenTelemetry has for all SDKs say. Those of the exporters alone are the exporters' to read. */
export interface TelemetryEnvironment {
  readonly isDisabled: boolean
  /** Where each is sent; absent: it is not. */
  readonly urls: { readonly [Name in Signal]?: string }
  readonly sampling: Sampling
  /** Milliseconds. */
  readonly metricsIntervalMs: number | undefined
  readonly batchDelayMs: number | undefined
  readonly serviceName: string | undefined
}

/** Reads the variables; what is wrong with one that counts is in `telemetryEnvironmentFindings`. */
export function telemetryEnvironmentOf(env: Environment): TelemetryEnvironment {
  const traces = urlOf('traces', env)
  const metrics = urlOf('metrics', env)
  return {
    isDisabled: env.OTEL_SDK_DISABLED?.trim().toLowerCase() === 'true',
    urls: { ...(traces !== undefined && { traces }), ...(metrics !== undefined && { metrics }) },
    sampling: samplingOf(env),
    metricsIntervalMs: positive(env.OTEL_METRIC_EXPORT_INTERVAL),
    batchDelayMs: positive(env.OTEL_BSP_SCHEDULE_DELAY),
    serviceName: env.OTEL_SERVICE_NAME || undefined
  }
}

/** The endpoint of a signal, below that of all. */
export const endpointOf = (signal: Signal, base: string): string => `${base.replace(/\/$/, '')}/v1/${signal}`

function urlOf(signal: Signal, env: Environment): string | undefined {
  const exporters = env[`OTEL_${signals[signal]}_EXPORTER`] || 'otlp'
  if (!exporters.split(',').some((name) => name.trim() === 'otlp')) return undefined
  const own = env[`OTEL_EXPORTER_OTLP_${signals[signal]}_ENDPOINT`]
  const all = env.OTEL_EXPORTER_OTLP_ENDPOINT
  return own || (all ? endpointOf(signal, all) : undefined)
}

const samplers: Readonly<Record<string, (ratio: number) => Sampling>> = {
  always_on: () => ({ ratio: 1, followsCaller: false }),
  always_off: () => ({ ratio: 0, followsCaller: false }),
  traceidratio: (ratio) => ({ ratio, followsCaller: false }),
  parentbased_always_on: () => ({ ratio: 1, followsCaller: true }),
  parentbased_always_off: () => ({ ratio: 0, followsCaller: true }),
  parentbased_traceidratio: (ratio) => ({ ratio, followsCaller: true })
}

function samplingOf({ OTEL_TRACES_SAMPLER: name, OTEL_TRACES_SAMPLER_ARG: argument }: Environment): Sampling {
  const made = samplers[name || 'parentbased_always_on'] ?? samplers.parentbased_always_on
  return made?.(argument ? Number(argument) : 1) ?? { ratio: 1, followsCaller: true }
}

const positive = (text: string | undefined): number | undefined => (text && Number(text) > 0 ? Number(text) : undefined)

/** What is wrong with the variables that would be used; each finding's path is the variable. */
export function telemetryEnvironmentFindings(env: Environment): Finding[] {
  const { OTEL_TRACES_SAMPLER: sampler, OTEL_TRACES_SAMPLER_ARG: ratio } = env
  const isRatio = !ratio || (Number(ratio) >= 0 && Number(ratio) <= 1)
  return [
    ...['', '_TRACES', '_METRICS'].flatMap((infix) => [
      ...urlFindings(`OTEL_EXPORTER_OTLP${infix}_ENDPOINT`, env),
      ...protocolFindings(`OTEL_EXPORTER_OTLP${infix}_PROTOCOL`, env)
    ]),
    ...when(
      Boolean(sampler) && !Object.hasOwn(samplers, sampler ?? ''),
      ['OTEL_TRACES_SAMPLER'],
      `expected ${Object.keys(samplers).join(', ')}`
    ),
    ...when(!isRatio, ['OTEL_TRACES_SAMPLER_ARG'], 'expected a number from 0 to 1'),
    ...['OTEL_METRIC_EXPORT_INTERVAL', 'OTEL_BSP_SCHEDULE_DELAY'].flatMap((name) =>
      when(Boolean(env[name]) && positive(env[name]) === undefined, [name], 'expected milliseconds')
    )
  ]
}

function urlFindings(name: string, { [name]: url }: Environment): Finding[] {
  if (!url) return []
  const isUrl = URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)
  return when(!isUrl, [name], 'expected a URL such as http://collector:4318')
}

const protocolFindings = (name: string, { [name]: protocol }: Environment): Finding[] =>
  when(Boolean(protocol) && protocol !== 'http/protobuf', [name], 'expected http/protobuf: nothing else is spoken')
