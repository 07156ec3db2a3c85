import type { PermissionAnswer } from '../../auth/backend.ts'
import { isPermissionName, maxRememberedBytes } from '../../auth/names.ts'
import { isOwnPermission } from '../../auth/permissions.ts'
import { check } from '../../schema/check.ts'
import Type from '../../schema/type.ts'
import type { JsonObject } from '../../unverified-jwt.ts'
import { claimAt } from './identity.ts'
import type { JwtOptions } from './options.ts'

type Names = NonNullable<JwtOptions['claims']>['permissions']

/** What a token says of permissions and groups, and until when that is believed: epoch milliseconds. */
export interface Rights {
  readonly permissions: readonly string[]
  readonly groups: readonly string[]
  readonly until: number
}

const group = /^[^\p{Cc}\p{Cs}\ufffd]{1,255}$/u

/**
 * The permissions and groups of a token as the options map them. What is no permission's name is left out, and so are the
 * service's own: nobody else makes administrators.
 */
export function rightsOf(claims: JsonObject, { claims: names = {} }: JwtOptions, until: number): Rights | undefined {
  if (names.permissions === undefined && names.groups === undefined) return undefined
  const isTaken = (name: string): boolean => isPermissionName(name) && !isOwnPermission(name)
  return {
    permissions: namesAt(claims, names.permissions).filter(isTaken),
    groups: namesAt(claims, names.groups).filter((name) => group.test(name)),
    until
  }
}

/** As they are kept with the identity; `undefined` where they would be too long. */
export function remember(rights: Rights): string | undefined {
  const remembered = JSON.stringify(rights)
  return Buffer.byteLength(remembered) <= maxRememberedBytes ? remembered : undefined
}

/** What was remembered, for as long as the token that said so would be young enough. What is none of ours says nothing. */
export function recall(remembered: string | undefined, at: number): PermissionAnswer {
  const rights = remembered === undefined ? undefined : rightsIn(remembered)
  if (rights === undefined || at >= rights.until) return { grants: [] }
  const { permissions, groups } = rights
  return { grants: permissions.map((name) => ({ permission: name, origin: 'claim of the last token' })), groups }
}

/** An import takes it from a file, where anything may stand. */
function rightsIn(remembered: string): Rights | undefined {
  try {
    const rights: unknown = JSON.parse(remembered)
    return isRights(rights) ? rights : undefined
  } catch {
    return undefined
  }
}

const namesOnly = Type.Array(Type.String())
const Remembered = Type.Object({ permissions: namesOnly, groups: namesOnly, until: Type.Number() })

const isRights = (value: unknown): value is Rights => check(Remembered, value)

function namesAt(claims: JsonObject, names: Names): string[] {
  if (names === undefined) return []
  const { claim, prefix = '' } = typeof names === 'string' ? { claim: names } : names
  const value = claimAt(claims, claim)
  const all: readonly unknown[] = typeof value === 'string' ? value.split(' ') : Array.isArray(value) ? value : []
  return [...new Set(all.filter((name) => typeof name === 'string' && name !== '').map((name) => `${prefix}${name}`))]
}
