/** One line of the table: a physical limit and what Latchkey makes of it, both measured in the same run. */
export interface Row {
  readonly name: string
  readonly unit: string
  readonly limit: number
  readonly ours: number
  /** `ours / limit`; how it must compare with `required`. */
  readonly ratio: number
  readonly required: string
  readonly met: boolean
  /** What else the run showed. */
  readonly note?: string
}

/** Rounds that alternate between limit and ours, so that a machine whose speed drifts drifts for both. */
export const rounds = Number(process.env.BENCH_ROUNDS ?? 3)

/** The middle one of several figures. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

/** A row where more is better. */
export function atLeast(
  share: number,
  row: { name: string; unit: string; pairs: ReadonlyArray<readonly [limit: number, ours: number]>; note?: string }
): Row {
  const { pairs, ...rest } = row
  const ratio = median(pairs.map(([limit, ours]) => ours / limit))
  return {
    ...rest,
    limit: median(pairs.map(([limit]) => limit)),
    ours: median(pairs.map(([, ours]) => ours)),
    ratio,
    required: `≥ ${share}`,
    met: ratio >= share
  }
}

/** A row where less is better, of two figures that were measured in turn. */
export function atMostTimes(
  times: number,
  row: { name: string; unit: string; pairs: ReadonlyArray<readonly [limit: number, ours: number]>; note?: string }
): Row {
  const { pairs, ...rest } = row
  const ratio = median(pairs.map(([limit, ours]) => ours / limit))
  const limit = median(pairs.map(([limit]) => limit))
  return { ...rest, limit, ours: limit * ratio, ratio, required: `≤ ${times}`, met: ratio <= times }
}

/** Measures limit and ours in turn; a first round warms both up, and doesn't count. */
export async function inTurn(
  limit: () => Promise<number>,
  ours: () => Promise<number>
): Promise<Array<readonly [number, number]>> {
  const pairs: Array<readonly [number, number]> = []
  for (let round = 0; round <= rounds; round++) {
    const pair = [await limit(), await ours()] as const
    if (round > 0) pairs.push(pair)
  }
  return pairs
}

/** The rows of a measurement, or one row that says why there are none. */
export async function attempt(name: string, measure: () => Promise<Row[]>): Promise<Row[]> {
  try {
    return await measure()
  } catch (error) {
    process.stderr.write(`${name}: ${error instanceof Error ? error.stack : error}\n`)
    const note = `failed: ${String(error)
      .replace(/[|\s]+/g, ' ')
      .slice(0, 200)}`
    const none = { unit: '', limit: Number.NaN, ours: Number.NaN, ratio: Number.NaN, required: '' }
    return [{ name, ...none, met: false, note }]
  }
}

/** A row where less is better; `limit` is the bound itself, or what it is a multiple of. */
export function atMost(
  times: number,
  row: { name: string; unit: string; limit: number; ours: number; note?: string }
): Row {
  const ratio = row.ours / row.limit
  return { ...row, ratio, required: `≤ ${times}`, met: ratio <= times }
}

/** How the Markdown table of the rows begins. */
export const heading =
  '| what | unit | limit | ours | ratio | required | met | note |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n'

/** A row of that table. */
export const line = ({ name, unit, limit, ours, ratio, required, met, note = '' }: Row): string => {
  const cells = [name, unit, figure(limit), figure(ours), figure(ratio, 2), required, met ? 'yes' : '**no**', note]
  return `| ${cells.join(' | ')} |\n`
}

const figure = (value: number, digits?: number): string => {
  if (Number.isNaN(value)) return ''
  if (digits !== undefined) return value.toFixed(digits)
  return value >= 100 ? Math.round(value).toString() : value.toPrecision(3)
}
