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

/** A row where less is better; `limit` is the bound itself, or what it is a multiple of. */
export function atMost(
  times: number,
  row: { name: string; unit: string; limit: number; ours: number; note?: string }
): Row {
  const ratio = row.ours / row.limit
  return { ...row, ratio, required: `≤ ${times}`, met: ratio <= times }
}

/** The rows as a Markdown table. */
export function table(rows: readonly Row[]): string {
  const number = (value: number): string => (value >= 100 ? Math.round(value).toString() : value.toPrecision(3))
  const lines = rows.map(({ name, unit, limit, ours, ratio, required, met, note = '' }) =>
    ['', name, unit, number(limit), number(ours), ratio.toFixed(2), required, met ? 'yes' : '**no**', note, '']
      .join(' | ')
      .trim()
  )
  return [
    '| what | unit | limit | ours | ratio | required | met | note |',
    '| --- | --- | --- | --- | --- | --- | --- | --- |',
    ...lines
  ].join('\n')
}
