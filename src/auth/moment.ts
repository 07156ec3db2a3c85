const moment = /^(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d)(:\d\d(?:\.\d{1,9})?)?([Zz]|[+-]\d\d:\d\d)?)?$/

/**
 * Epoch milliseconds of a date or a time as RFC 3339 writes it; without an offset it is UTC, and seconds may be left out.
 * Undefined where it is none: Date.parse takes other forms too, and a 31st of February for a day in March.
 */
export function momentOf(text: string): number | undefined {
  const [, day, minute = '00:00', seconds = ':00', offset = 'Z'] = moment.exec(text) ?? []
  if (day === undefined) return undefined
  const midnight = new Date(`${day}T00:00:00Z`)
  if (Number.isNaN(midnight.valueOf()) || !midnight.toISOString().startsWith(day)) return undefined
  const at = Date.parse(`${day}T${minute}${seconds}${offset.toUpperCase()}`)
  return Number.isNaN(at) ? undefined : at
}
