import type { Attributes, AttributeValue, Identity } from '../../auth/backend.ts'
import type { JsonObject } from '../../unverified-jwt.ts'
import type { JwtOptions } from './options.ts'

type ClaimNames = NonNullable<JwtOptions['claims']>

const maxSubjectBytes = 255
const maxNameLength = 320
const maxDepth = 5
/** Control characters, lone surrogates, and U+FFFD, which stands where bytes were not UTF-8. */
const unusable = /[\p{Cc}\p{Cs}\ufffd]/u

/**
 * The account that a token speaks of, or `undefined` where a claim that tells who it is has another type than text, or
 * none that could be kept. Other claims that can't be used are left out.
 */
export function identityOf(claims: JsonObject, names: ClaimNames = {}): Identity | undefined {
  const subject = claimAt(claims, names.subject ?? 'sub')
  if (!isName(subject) || Buffer.byteLength(subject) > maxSubjectBytes) return undefined
  const username = claimAt(claims, names.username ?? 'preferred_username')
  const emails = emailsAt(claims, names.email ?? 'email')
  if ((username !== undefined && !isName(username)) || emails === undefined) return undefined
  const verified = verifiedAt(claims, names.emailVerified)
  return {
    subject,
    username: username ?? subject,
    emails,
    ...(verified !== undefined && { emailVerified: verified }),
    attributes: attributesOf(claims, names),
    source: Object.fromEntries(textsIn(claims))
  }
}

/**
 * A claim by its name; a name with dots leads into objects: `realm_access.roles`. Names of claims may hold dots
 * themselves: `kubernetes.io.serviceaccount.uid` is found too.
 */
export function claimAt(claims: JsonObject, path: string, depth = 0): unknown {
  if (Object.hasOwn(claims, path)) return claims[path]
  if (depth === maxDepth) return undefined
  for (const [name, value] of Object.entries(claims)) {
    if (!path.startsWith(`${name}.`) || !isObject(value)) continue
    const found = claimAt(value, path.slice(name.length + 1), depth + 1)
    if (found !== undefined) return found
  }
  return undefined
}

/** `undefined` where nothing is said of the address. */
function verifiedAt(claims: JsonObject, option: ClaimNames['emailVerified'] = 'email_verified'): boolean | undefined {
  const { claim, values } = typeof option === 'string' ? { claim: option, values: [true] } : option
  const said = claimAt(claims, claim)
  return said === undefined ? undefined : values.some((value) => value === said)
}

/** `undefined` where they are no texts. */
function emailsAt(claims: JsonObject, path: string): string[] | undefined {
  const values = [claimAt(claims, path) ?? []].flat()
  return values.every((value) => typeof value === 'string') ? values : undefined
}

function attributesOf(claims: JsonObject, { attributes, ...names }: ClaimNames): Attributes {
  const { firstName = 'given_name', lastName = 'family_name', displayName = 'name', initials, employeeNumber } = names
  const paths = { firstName, lastName, displayName, initials, employeeNumber, ...attributes }
  return Object.fromEntries(
    Object.entries(paths).flatMap(([field, path]): Array<[string, AttributeValue]> => {
      const value = path === undefined ? undefined : claimAt(claims, path)
      return isValue(value) ? [[field, value]] : []
    })
  )
}

/** Every single value in the claims by its way there, for `attributes` and templates such as `email.fallback`. */
function textsIn(claims: JsonObject, depth = 0): Array<[string, string]> {
  return Object.entries(claims).flatMap(([name, value]): Array<[string, string]> => {
    if (isValue(value)) return [[name, String(value)]]
    if (!isObject(value) || depth === maxDepth) return []
    return textsIn(value, depth + 1).map(([below, text]) => [`${name}.${below}`, text])
  })
}

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isName = (value: unknown): value is string =>
  typeof value === 'string' && value !== '' && value.length <= maxNameLength && !unusable.test(value)

const isValue = (value: unknown): value is AttributeValue =>
  typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value)
