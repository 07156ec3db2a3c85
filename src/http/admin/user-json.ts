import { builtInAttributes } from '../../auth/attribute-checks.ts'
import type { Attributes, AttributeValue } from '../../auth/backend.ts'
import { isSuperuser } from '../../auth/permissions.ts'
import type { User } from '../../auth/user-store.ts'
import { type FieldError, InvalidRequest } from '../../errors.ts'
import type { AppParts } from '../parts.ts'
import type { UserJson } from '../schemas/admin/users.ts'

/** Users as everybody sees them, with groups and permissions that are asked for once for all. */
export async function usersAsJson(users: readonly User[], { administration, login }: AppParts): Promise<UserJson[]> {
  const holdings = await administration.holdings.of(users.map(({ id }) => id))
  return users.map((user) => {
    const { groups = [], permissions = [], loginNames = [] } = holdings.get(user.id) ?? {}
    return {
      ...{ id: user.id, email: user.email, loginNames: [...loginNames] },
      ...names(user.attributes),
      ...{ isActive: user.isActive, isSuperuser: isSuperuser(login.chain, user), hasPassword: user.hasPassword },
      ...{ groups: [...groups], permissions: [...permissions] },
      identities: user.identities.map(({ backend, subject, username, lastSeenAt }) => ({
        ...{ backend, subject, username, lastSeenAt: iso(lastSeenAt) }
      })),
      attributes: Object.fromEntries(Object.entries(user.attributes).filter(([name]) => !isBuiltIn(name))),
      createdAt: iso(user.createdAt),
      updatedAt: iso(user.updatedAt),
      lastLoginAt: user.lastLoginAt === null ? null : iso(user.lastLoginAt)
    }
  })
}

/** One user. */
export async function userAsJson(user: User, parts: AppParts): Promise<UserJson> {
  const [shown] = await usersAsJson([user], parts)
  if (shown === undefined) throw new Error('a user has no JSON')
  return shown
}

const names = (attributes: Attributes) => ({
  firstName: text(attributes.firstName),
  lastName: text(attributes.lastName),
  displayName: text(attributes.displayName),
  initials: text(attributes.initials),
  employeeNumber: text(attributes.employeeNumber)
})

const text = (value: AttributeValue | undefined): string | null => (value === undefined ? null : String(value))

const isBuiltIn = (name: string): boolean => Object.hasOwn(builtInAttributes, name)

/** What a body says of a user's fields, our own and one's own, as one set. */
export interface FieldsBody {
  readonly attributes?: Readonly<Record<string, AttributeValue | null>>
  readonly firstName?: string | null
  readonly lastName?: string | null
  readonly displayName?: string | null
  readonly initials?: string | null
  readonly employeeNumber?: string | null
}

/** The fields that a body changes. @throws {InvalidRequest} one's own fields hold a name that has a place of its own */
export function fieldsOf({ attributes = {}, ...body }: FieldsBody): Record<string, AttributeValue | null> {
  const misplaced: FieldError[] = Object.keys(attributes)
    .filter(isBuiltIn)
    .map((name) => ({ pointer: `/attributes/${name}`, detail: `stands beside attributes, as ${name}` }))
  if (misplaced.length > 0) throw new InvalidRequest('The request is malformed', undefined, misplaced)
  const builtIn = Object.entries(body).filter(
    (entry): entry is [string, string | null] => isBuiltIn(entry[0]) && entry[1] !== undefined
  )
  return { ...attributes, ...Object.fromEntries(builtIn) }
}

const iso = (at: number): string => new Date(at).toISOString()
