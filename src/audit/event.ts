import type { AuditEvent, EndedAct } from '../auth/audit.ts'
import { newId } from '../new-id.ts'

/** The longest that each column takes, in bytes. */
const longest = {
  reason: 64,
  actor: 64,
  user: 36,
  username: 255,
  backend: 64,
  subject: 255,
  client: 128,
  ip: 64,
  audience: 255,
  session: 36,
  jti: 64,
  request: 64,
  action: 64,
  target: 255
} as const

/** An act as it is written down. Texts come from directories and requests: none can look like anything but itself. */
export function eventOf(act: EndedAct): AuditEvent {
  const id = newId()
  const texts = Object.entries(longest).map(([name, length]) => {
    const text = act[name as keyof typeof longest]
    return [name, text === undefined || text === '' ? null : visible(text, length)]
  })
  return {
    ...{ id, at: timeOf(id), kind: act.kind, outcome: act.outcome },
    ...(Object.fromEntries(texts) as Record<keyof typeof longest, string | null>),
    details: act.details ?? null
  }
}

/** When a UUIDv7 was made (RFC 9562 5.7). */
const timeOf = (id: string): number => Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)

/** As nearly all texts are, of which each event has a dozen. */
const printable = /^[\x20-\x7e]*$/

/** Controls, invisible characters and lone surrogates are written as `\u{…}`; what is too long is cut. */
function visible(text: string, bytes: number): string {
  if (text.length <= bytes && printable.test(text)) return text
  const written = text.replace(
    /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`
  )
  if (Buffer.byteLength(written) <= bytes) return written
  const cut = Buffer.from(written).subarray(0, bytes).toString('utf8')
  return cut.replace(/\ufffd+$/, '')
}
