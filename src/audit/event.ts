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
  const { kind, outcome, details = null } = act
  const text = (name: keyof typeof longest): string | null => {
    const given = act[name]
    return given === undefined || given === '' ? null : visible(given, longest[name])
  }
  return {
    ...{ id, at: timeOf(id), kind, outcome },
    reason: text('reason'),
    actor: text('actor'),
    user: text('user'),
    username: text('username'),
    backend: text('backend'),
    subject: text('subject'),
    client: text('client'),
    ip: text('ip'),
    audience: text('audience'),
    session: text('session'),
    jti: text('jti'),
    request: text('request'),
    action: text('action'),
    target: text('target'),
    details
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
