import type { Attributes, AttributeValue, Identity } from './backend.ts'
import type { Link } from './link.ts'
import type { Log } from './ports.ts'

/** What a user's field of one's own may hold. */
export interface AttributeRule {
  readonly type: 'string' | 'number' | 'boolean' | 'date'
  /** In characters; for strings alone. */
  readonly maxLength: number
}

/** The fields that every user has, in characters at most. */
export const builtInAttributes: Readonly<Record<string, AttributeRule>> = {
  firstName: { type: 'string', maxLength: 150 },
  lastName: { type: 'string', maxLength: 150 },
  displayName: { type: 'string', maxLength: 255 },
  initials: { type: 'string', maxLength: 32 },
  employeeNumber: { type: 'string', maxLength: 64 }
}

/**
 * The identity with those values alone that the fields' rules allow: a value that is too long or of another type is left
 * out, never cut, and the log says so. Text from a source becomes a number, boolean or date where it is written as one.
 */
export function checkedAttributes(
  identity: Identity,
  backend: Link,
  declared: Readonly<Record<string, AttributeRule>>,
  log: Log
): Identity {
  const kept: Record<string, AttributeValue> = {}
  for (const [name, value] of Object.entries(identity.attributes)) {
    const rule = builtInAttributes[name] ?? declared[name]
    const checked = rule && conformingText(value, rule)
    if (checked !== undefined) kept[name] = checked
    else
      log.warn(
        {
          ...{ event: 'attribute_refused', backend: backend.id, subject: identity.subject, attribute: name },
          reason: reasonOf(value, rule)
        },
        'attribute refused'
      )
  }
  return { ...identity, attributes: kept satisfies Attributes }
}

/** Why a value does not conform. */
function reasonOf(value: AttributeValue, rule: AttributeRule | undefined): string {
  if (rule === undefined) return 'undeclared'
  if (rule.type !== 'string' || typeof value !== 'string') return 'wrong-type'
  return [...value].length > rule.maxLength ? 'too-long' : 'malformed'
}

/** How databases write booleans. */
const truths: Readonly<Record<string, boolean>> = { '0': false, '1': true, f: false, t: true }

/** The same for a value of another program, whose text may be a boolean as a database writes it. */
export function conformingText(value: AttributeValue, rule: AttributeRule): AttributeValue | undefined {
  if (rule.type !== 'boolean' || typeof value !== 'string') return conforming(value, rule)
  return conforming(truths[value.toLowerCase()] ?? value, rule)
}

/** The value as its rule wants it, or `undefined` where it can't be. */
export function conforming(value: AttributeValue, rule: AttributeRule): AttributeValue | undefined {
  switch (rule.type) {
    case 'string':
      return typeof value === 'string' && isText(value, rule.maxLength) ? value : undefined
    case 'number':
      return numberOf(value)
    case 'boolean':
      return booleanOf(value)
    case 'date':
      return typeof value === 'string' && isDate(value) ? value : undefined
  }
}

const control = /[\p{Cc}\p{Cs}\u2028\u2029\ufffd]/u

const isText = (value: string, maxLength: number): boolean => [...value].length <= maxLength && !control.test(value)

function numberOf(value: AttributeValue): number | undefined {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined
}

function booleanOf(value: AttributeValue): boolean | undefined {
  if (typeof value === 'boolean') return value
  const text = String(value).toLowerCase()
  return text === 'true' ? true : text === 'false' ? false : undefined
}

/** ISO 8601: a day, or a moment with its offset. JavaScript would make 1 March of 30 February. */
function isDate(value: string): boolean {
  const [, day] = /^(\d{4}-\d{2}-\d{2})(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2}))?$/.exec(value) ?? []
  if (day === undefined || Number.isNaN(Date.parse(value))) return false
  return new Date(day).toISOString().startsWith(day)
}
