import { type Attributes, type HrTime, ValueType } from '@opentelemetry/api'
import { millisToHrTime } from '@opentelemetry/core'
import type { Resource } from '@opentelemetry/resources'
import {
  AggregationTemporality,
  type DataPoint,
  DataPointType,
  type Histogram,
  type MetricData,
  type MetricProducer
} from '@opentelemetry/sdk-metrics'
import type { Family, FamilyValue } from '../metrics.ts'

/** What reading needs. */
export interface FigureOptions {
  /** The figures of `/metrics`, as they are now. */
  readonly read: () => Promise<readonly Family[]>
  readonly resource: Resource
  readonly version: string
}

/** Since when this process counts. */
const startTime = (): HrTime => millisToHrTime(performance.timeOrigin)

/** The very figures of `/metrics`, under their names there. */
export function createFigures({ read, resource, version }: FigureOptions): MetricProducer {
  return {
    async collect() {
      const span = { startTime: startTime(), endTime: millisToHrTime(Date.now()) }
      const metrics = (await read())
        .map((family) => metricOf(family, span))
        .filter(({ dataPoints }) => dataPoints.length > 0)
      return {
        resourceMetrics: { resource, scopeMetrics: [{ scope: { name: 'latchkey', version }, metrics }] },
        errors: []
      }
    }
  }
}

type Times = Pick<DataPoint<unknown>, 'startTime' | 'endTime'>

function metricOf({ name, help, type, values }: Family, times: Times): MetricData {
  const descriptor = { name, description: help, unit: unitOf(name), valueType: ValueType.DOUBLE }
  const common = { descriptor, aggregationTemporality: AggregationTemporality.CUMULATIVE }
  if (type === 'histogram') {
    return { ...common, dataPointType: DataPointType.HISTOGRAM, dataPoints: histograms(name, values, times) }
  }
  const dataPoints = values
    .filter(({ value }) => Number.isFinite(value))
    .map(({ value, labels }) => ({ ...times, attributes: attributesOf(labels), value }))
  if (type === 'counter') return { ...common, dataPointType: DataPointType.SUM, isMonotonic: true, dataPoints }
  return { ...common, dataPointType: DataPointType.GAUGE, dataPoints }
}

/** UCUM, by the end of the name as Prometheus has it. */
function unitOf(name: string): string {
  const [, word = ''] = /_(seconds|bytes)(?:_total)?$/.exec(name) ?? []
  return { seconds: 's', bytes: 'By' }[word] ?? ''
}

const attributesOf = (labels: FamilyValue['labels']): Attributes =>
  Object.fromEntries(Object.entries(labels).map(([name, value]) => [name, String(value)]))

/** Prometheus has a line for each bucket, which counts all buckets below as well; OTLP has one point with each bucket alone. */
function histograms(name: string, values: readonly FamilyValue[], times: Times): DataPoint<Histogram>[] {
  const points = new Map<string, FamilyValue[]>()
  for (const value of values) {
    const { le: _bound, ...labels } = value.labels
    const key = JSON.stringify(Object.entries(labels).sort())
    points.set(key, [...(points.get(key) ?? []), value])
  }
  return [...points.values()].map((lines) => {
    const lineOf = (suffix: string) => lines.find(({ metricName }) => metricName === `${name}${suffix}`)?.value ?? 0
    const { le: _bound, ...labels } = lines[0]?.labels ?? {}
    const value = { buckets: bucketsOf(lines), sum: lineOf('_sum'), count: lineOf('_count') }
    return { ...times, attributes: attributesOf(labels), value }
  })
}

function bucketsOf(lines: readonly FamilyValue[]): Histogram['buckets'] {
  const bounds = lines
    .flatMap(({ labels: { le }, value }) =>
      le === undefined ? [] : [{ bound: le === '+Inf' ? Infinity : Number(le), value }]
    )
    .sort((a, b) => a.bound - b.bound)
  return {
    boundaries: bounds.map(({ bound }) => bound).filter(Number.isFinite),
    counts: bounds.map(({ value }, index) => value - (bounds[index - 1]?.value ?? 0))
  }
}
