import { isPermissionName, maxRememberedBytes } from '../auth/names.ts'
import { kindOf } from './shape.ts'

/** What is wrong with a value at a place of an answer; `undefined`: nothing. */
export type Check = (value: unknown, place: string) => string | undefined

const expected = (value: unknown, place: string, wanted: string): string =>
  `${place} is ${typeof value === 'string' && value === '' ? 'empty' : kindOf(value)}: expected ${wanted}`

const test =
  (fits: (value: unknown) => boolean, wanted: string): Check =>
  (value, place) =>
    fits(value) ? undefined : expected(value, place, wanted)

const maxSubjectBytes = 255
/** As the table of login names has it. */
const maxNameBytes = 1020
/** A control character ends a text or a line in other programs, and a lone surrogate has no bytes to compare. */
const unusable = /[\p{Cc}\p{Cs}]/u

const text = test((value) => typeof value === 'string', 'text')
const flag = test((value) => typeof value === 'boolean', 'true or false')
const name = (maxBytes: number): Check =>
  test(
    (value) =>
      typeof value === 'string' && value !== '' && Buffer.byteLength(value) <= maxBytes && !unusable.test(value),
    `text of 1 to ${maxBytes} bytes without control characters`
  )
const subject = name(maxSubjectBytes)
const remembered = test(
  (value) => typeof value === 'string' && Buffer.byteLength(value) <= maxRememberedBytes,
  'text of at most 32 KiB'
)
const someText = test(
  (value) => typeof value === 'string' && value !== '' && !unusable.test(value),
  'text that is not empty'
)
const seconds = test((value) => typeof value === 'number' && Number.isFinite(value), 'a number')
const attribute = test(
  (value) => typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value),
  'text, a number, or true or false'
)
const nothing =
  (why: string): Check =>
  (value, place) =>
    value === undefined ? undefined : `${place}: ${why}`

const first = (mistakes: Iterable<string | undefined>): string | undefined => {
  for (const mistake of mistakes) if (mistake !== undefined) return mistake
  return undefined
}

const optional =
  (check: Check): Check =>
  (value, place) =>
    value === undefined ? undefined : check(value, place)

const listOf =
  (check: Check): Check =>
  (value, place) =>
    Array.isArray(value)
      ? first(value.map((item, index) => check(item, `${place}[${index}]`)))
      : expected(value, place, 'a list')

const mapOf =
  (check: Check): Check =>
  (value, place) =>
    isPlain(value)
      ? first(Object.entries(value).map(([name, item]) => check(item, `${place}.${name}`)))
      : expected(value, place, 'an object')

const object =
  (checks: Readonly<Record<string, Check>>): Check =>
  (value, place) =>
    isPlain(value)
      ? first(
          Object.entries(checks).map(([name, check]) => check(value[name], place === '' ? name : `${place}.${name}`))
        )
      : expected(value, place === '' ? 'the answer' : place, 'an object')

const oneOf =
  (key: string, variants: Readonly<Record<string, Check>>): Check =>
  (value, place) => {
    if (!isPlain(value)) return expected(value, 'the answer', 'an object')
    const chosen = value[key]
    const check = typeof chosen === 'string' && Object.hasOwn(variants, chosen) ? variants[chosen] : undefined
    return check ? check(value, place) : `${key} is none of ${Object.keys(variants).join(', ')}`
  }

const isPlain = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Promise)

/** An identity that a backend of one's own gives. */
export const identityCheck: Check = object({
  subject,
  username: name(maxNameBytes),
  emails: listOf(text),
  emailVerified: optional(flag),
  attributes: mapOf(attribute),
  isSuperuser: optional(flag),
  mirroredGroups: optional(listOf(someText)),
  source: optional(mapOf(text)),
  remembered: optional(remembered),
  userId: nothing('is for the backend local')
})

const any: Check = () => undefined
const warnings = object({ passwordExpiresInSeconds: optional(seconds), graceLoginsLeft: optional(seconds) })
const denied = object({ reason: someText, subject: optional(subject) })
/** One that is none, with a space in it, would be two where permissions stand side by side. */
const permission = test((value) => typeof value === 'string' && isPermissionName(value), 'app_label.codename')
const grant = object({ permission, origin: text })
const veto = object({ permission: someText, origin: text })

/** What `authenticate` and `lookUp` answer. */
export const verdictCheck = oneOf('outcome', {
  accepted: object({
    identity: identityCheck,
    warnings: optional(warnings),
    proof: optional(object({ until: seconds, expiresAt: optional(seconds) })),
    move: optional(object({ loginNames: listOf(someText) }))
  }),
  rejected: object({ reason: someText }),
  unknown: any,
  denied
})

/** What `identity` answers. */
export const identityAnswerCheck = oneOf('state', {
  present: object({ identity: identityCheck }),
  gone: any,
  disabled: denied
})

/** What `permissions` answers. */
export const permissionCheck = object({
  grants: listOf(grant),
  known: optional(flag),
  vetoes: optional(listOf(veto)),
  groups: optional(listOf(someText)),
  localGroups: optional(listOf(someText))
})

/** What `changePassword` answers. */
export const passwordChangeCheck = oneOf('outcome', {
  changed: any,
  rejected: object({ reason: someText }),
  unknown: any,
  denied,
  refused: object({ reason: someText })
})

/** What `availability` answers. */
export const availabilityCheck = object({
  state: test((value) => ['closed', 'open', 'half-open'].includes(String(value)), 'closed, open or half-open'),
  lastError: (value, place) => (value === null ? undefined : someText(value, place)),
  since: (value, place) => (value === null ? undefined : seconds(value, place))
})

const functions = [
  'lookUp',
  'identity',
  'identities',
  'permissions',
  'changePassword',
  'probe',
  'availability',
  'close'
]
const isFunction = (value: unknown): boolean => typeof value === 'function'

/** What `open` answers. */
export const backendCheck: Check = (value, place) =>
  value instanceof Promise
    ? 'the answer is a promise: open does no I/O, and answers a backend at once'
    : object({
        takes: (list, at) =>
          Array.isArray(list) && list.length > 0 && list.every((kind) => ['password', 'token', 'header'].includes(kind))
            ? undefined
            : `${at} must be a list of password, token and header`,
        authenticate: test(isFunction, 'a function'),
        allowsInactive: optional(flag),
        authorizesAll: optional(flag),
        ...Object.fromEntries(functions.map((name) => [name, optional(test(isFunction, 'a function'))]))
      })(value, place)
