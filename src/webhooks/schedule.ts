const second = 1000
const minute = 60 * second
const hour = 60 * minute

/** The example of Standard Webhooks: ten tries within three days. */
const delaysMs = [
  ...[5 * second, 5 * minute, 30 * minute],
  ...[2 * hour, 5 * hour, 10 * hour, 14 * hour, 20 * hour, 24 * hour]
]
/** A receiver that asks for more patience gets no more than this. */
const longestMs = 24 * hour

/**
 * How long to wait after so many failed tries, up to a fifth longer by chance; undefined: that was the last one.
 * @param retryAfterMs what the receiver asked for
 */
export function delayAfter(attempts: number, retryAfterMs = 0, random: () => number = Math.random): number | undefined {
  const delay = delaysMs[attempts - 1]
  if (delay === undefined) return undefined
  return Math.max(delay * (1 + random() / 5), Math.min(retryAfterMs, longestMs))
}

/** The milliseconds in a header Retry-After (RFC 9110 10.2.3); 0 where there is none that can be read. */
export function retryAfterMs(header: unknown, now: number): number {
  if (typeof header !== 'string') return 0
  if (/^\d{1,9}$/.test(header)) return Number(header) * second
  const at = Date.parse(header)
  return Number.isNaN(at) ? 0 : Math.max(0, at - now)
}
