import type { TStringOptions } from 'typebox'
import Type from '../schema/type.ts'

const millisecondsIn = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const pattern = '^[1-9][0-9]{0,7}(ms|s|m|h|d)$'

/** A duration in the configuration, with its own default and description: a whole number and `ms`, `s`, `m`, `h` or `d`. */
export const duration = (options: TStringOptions = {}) =>
  Type.String({ pattern, expected: 'a duration such as 250ms, 5s, 15m, 2h or 30d', ...options })

/** A duration in the configuration: `250ms`, `5s`, `15m`, `2h`, `30d`. */
export const Duration = duration()

/** Milliseconds in a duration. @throws {RangeError} for what `Duration` would refuse */
export function milliseconds(text: string): number {
  const [, unit] = new RegExp(pattern).exec(text) ?? []
  if (unit === undefined || !isUnit(unit)) throw new RangeError('not a duration')
  return Number.parseInt(text, 10) * millisecondsIn[unit]
}

const isUnit = (text: string): text is keyof typeof millisecondsIn => Object.hasOwn(millisecondsIn, text)
