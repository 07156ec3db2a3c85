import { resolve } from 'node:path'
import Type from '../schema/type.ts'
import { isLoopback } from './cidr.ts'
import type { TelemetryConfig } from './config.ts'
import type { Finding } from './config-error.ts'
import { text } from './names.ts'
import { pemMistake } from './pem-file.ts'
import type { ConfigFile } from './schema.ts'
import {
  endpointOf,
  type Sampling,
  type Signal,
  signals,
  type TelemetryEnvironment,
  telemetryEnvironmentFindings,
  telemetryEnvironmentOf
} from './telemetry-environment.ts'
import { duration, milliseconds } from './units.ts'

const HeaderValue = Type.String({
  pattern: '^[!-~]([ -~]*[!-~])?$',
  maxLength: 8192,
  expected: 'printable ASCII, without spaces around it'
})

const Otlp = Type.Object(
  {
    endpoint: text({
      expected: 'a URL such as https://collector.example.com:4318',
      description: 'Where it is sent by OTLP over HTTP: /v1/traces and /v1/metrics come behind it.'
    }),
    headers: Type.Record(Type.String({ pattern: "^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$" }), HeaderValue, {
      default: {},
      keys: 'the name of a header',
      description: 'Sent along, such as authorization.'
    }),
    insecure: Type.Boolean({ default: false, description: 'Allows headers to be sent in clear off loopback.' }),
    tls: Type.Optional(
      Type.Object(
        {
          ca: Type.Optional(text({ description: "A PEM file with the receiver's authority." })),
          cert: Type.Optional(
            text({ description: 'A PEM file with a certificate of our own, where it asks for one.' })
          ),
          key: Type.Optional(text({ description: 'A PEM file with its private key.' }))
        },
        { additionalProperties: false }
      )
    ),
    traces: Type.Boolean({ default: true, description: 'Whether traces are sent.' }),
    metrics: Type.Boolean({ default: true, description: 'Whether the figures of /metrics are sent.' }),
    sampleRatio: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 1,
        description: 'The part of the traces that is taken of those that begin here. Default: 1.'
      })
    ),
    interval: Type.Optional(duration({ description: 'How often figures are sent, from 1s on. Default: 1m.' })),
    timeout: Type.Optional(duration({ description: 'How long sending may take, 1m at most. Default: 10s.' }))
  },
  { additionalProperties: false }
)

/** What is told of the service to those who watch it. */
export const Telemetry = Type.Optional(
  Type.Union(
    [
      Type.Literal(false),
      Type.Object(
        {
          service: Type.Optional(text({ description: 'What it is called there. Default: latchkey.' })),
          otlp: Type.Optional(Otlp)
        },
        { additionalProperties: false }
      )
    ],
    {
      expected: 'service and otlp, or false',
      description: 'Traces and figures for OpenTelemetry; false: none, whatever the environment says.'
    }
  )
)

const at = (key: string, wrong: boolean, message: string): Finding[] =>
  wrong ? [{ path: ['telemetry', 'otlp', ...key.split('.')], message }] : []

/** What is wrong with telemetry. */
export function telemetryFindings({ telemetry }: ConfigFile): Finding[] {
  const otlp = telemetry ? telemetry.otlp : undefined
  if (otlp === undefined) return []
  const { endpoint, headers, insecure, tls, interval = '1m', timeout = '10s' } = otlp
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined
  if (!url || !/^https?:$/.test(url.protocol))
    return at('endpoint', true, 'expected a URL such as https://collector.example.com:4318')
  const isClear = url.protocol === 'http:' && !isLoopback(url.hostname) && !insecure
  return [
    ...at('endpoint', url.username !== '' || url.password !== '', 'expected no user name and no password: see headers'),
    ...at('endpoint', url.search !== '' || url.hash !== '', 'expected no query and no fragment'),
    ...at(
      'headers',
      isClear && Object.keys(headers).length > 0,
      'would be sent in clear: use https, or allow it by insecure: true'
    ),
    ...at('tls', tls !== undefined && url.protocol === 'http:', 'is for https alone'),
    ...at('tls.key', tls?.key !== undefined && tls.cert === undefined, 'needs tls.cert beside it'),
    ...at('tls.cert', tls?.cert !== undefined && tls.key === undefined, 'needs tls.key beside it'),
    ...at('interval', milliseconds(interval) < 1000, 'expected 1s at least'),
    ...at('timeout', milliseconds(timeout) > 60_000, 'expected 1m at most')
  ]
}

/** What is wrong with the files that it names. */
export function telemetryFileFindings({ telemetry }: ConfigFile, folder: string): Finding[] {
  const { tls = {} } = (telemetry && telemetry.otlp) || {}
  return Object.entries(tls).flatMap(([name, file]) => {
    const mistake = pemMistake(resolve(folder, file))
    return mistake === undefined ? [] : at(`tls.${name}`, true, mistake)
  })
}

/** What is wrong with the variables of OpenTelemetry, where they count. */
export function telemetryVariables(
  { telemetry }: ConfigFile,
  env: Readonly<Record<string, string | undefined>>
): Finding[] {
  const { isDisabled, urls } = telemetryEnvironmentOf(env)
  const isFromFile = telemetry === false || telemetry?.otlp !== undefined
  return isDisabled || isFromFile || Object.keys(urls).length === 0 ? [] : telemetryEnvironmentFindings(env)
}

/** Where traces and figures go, if anywhere: the file goes before the environment, which can switch all of it off. */
export function telemetryOf(
  telemetry: ConfigFile['telemetry'],
  env: Readonly<Record<string, string | undefined>>,
  folder: string
): TelemetryConfig | undefined {
  const variables = telemetryEnvironmentOf(env)
  if (telemetry === false || variables.isDisabled) return undefined
  const { otlp, service } = telemetry ?? {}
  const urls = otlp === undefined ? variables.urls : urlsOf(otlp)
  const { traces, metrics } = urls
  if (traces === undefined && metrics === undefined) return undefined
  const { ca, cert, key } = otlp?.tls ?? {}
  const file = (name: string | undefined) => (name === undefined ? undefined : resolve(folder, name))
  return {
    service: service ?? variables.serviceName,
    ...(traces !== undefined && {
      traces: { url: traces, sampling: samplingOf(otlp?.sampleRatio, variables), delayMs: variables.batchDelayMs }
    }),
    ...(metrics !== undefined && {
      metrics: { url: metrics, intervalMs: otlp?.interval ? milliseconds(otlp.interval) : variables.metricsIntervalMs }
    }),
    headers: otlp?.headers ?? {},
    timeoutMs: otlp?.timeout === undefined ? undefined : milliseconds(otlp.timeout),
    tls: otlp?.tls && { ca: file(ca), cert: file(cert), key: file(key) }
  }
}

const urlsOf = (
  otlp: { readonly endpoint: string } & Readonly<Record<Signal, boolean>>
): { [Name in Signal]?: string } =>
  Object.fromEntries(
    (Object.keys(signals) as Signal[]).flatMap((signal) =>
      otlp[signal] ? [[signal, endpointOf(signal, otlp.endpoint)]] : []
    )
  )

const samplingOf = (ratio: number | undefined, { sampling }: TelemetryEnvironment): Sampling =>
  ratio === undefined ? sampling : { ratio, followsCaller: true }
