import type { AdminTools } from '../admin/tools.ts'
import type { Holdings } from '../auth/group-store.ts'
import { isSuperuser } from '../auth/permissions.ts'
import type { StoredPermissions, User } from '../auth/user-store.ts'

/** A user as everybody else sees them: a superuser by a backend's flag while that backend is configured. */
export const asSeen = (user: User, { chain }: Pick<AdminTools, 'chain'>): User => ({
  ...user,
  isSuperuser: isSuperuser(chain, user)
})

/** One user on one line, for lists. */
export function userLine(user: User): string {
  const marks = [
    user.isSuperuser ? 'superuser' : '',
    user.isActive ? '' : 'inactive',
    user.hasPassword ? '' : 'no password'
  ]
  return [user.id, user.email, ...marks.filter((mark) => mark !== '')].join('  ')
}

/** One user on several lines, to be read. */
export function describeUser(
  user: User,
  { grants, groups }: StoredPermissions,
  { loginNames }: Pick<Holdings, 'loginNames'>
): string {
  const rows = [
    ['id', user.id],
    ['email', `${user.email}${user.emailVouched ? ' (vouched for)' : ''}`],
    ...loginNames.map((name) => ['login name', name]),
    ...Object.entries(user.attributes).map(([name, value]) => [name, String(value)]),
    ['active', user.isActive ? 'yes' : 'no'],
    ['superuser', user.isSuperuser ? 'yes' : 'no'],
    ['password', user.hasPassword ? 'set' : 'none'],
    ['groups', groups.join(', ') || 'none'],
    ['permissions', grants.map(({ permission, origin }) => `${permission} (${origin})`).join(', ') || 'none'],
    ...user.identities.map(({ backend, username, subject }) => ['identity', `${backend}: ${username} (${subject})`]),
    ['created', iso(user.createdAt)],
    ['updated', iso(user.updatedAt)],
    ['last login', user.lastLoginAt === null ? 'never' : iso(user.lastLoginAt)]
  ]
  return rows.map(([name = '', value = '']) => `${name.padEnd(16)}${value}\n`).join('')
}

/** A user as the API shows one; the names of permissions and groups, and login names, where they are given. */
export function userAsJson(user: User, stored?: StoredPermissions, held?: Pick<Holdings, 'loginNames'>): object {
  const { firstName, lastName, displayName, initials, employeeNumber, ...attributes } = user.attributes
  return {
    id: user.id,
    email: user.email,
    ...(held ? { loginNames: held.loginNames } : {}),
    firstName: firstName ?? null,
    lastName: lastName ?? null,
    displayName: displayName ?? null,
    initials: initials ?? null,
    employeeNumber: employeeNumber ?? null,
    isActive: user.isActive,
    isSuperuser: user.isSuperuser,
    hasPassword: user.hasPassword,
    ...(stored ? { groups: stored.groups, permissions: stored.grants.map(({ permission }) => permission) } : {}),
    identities: user.identities.map(({ backend, subject, username, lastSeenAt }) => {
      return { backend, subject, username, lastSeenAt: iso(lastSeenAt) }
    }),
    attributes,
    createdAt: iso(user.createdAt),
    updatedAt: iso(user.updatedAt),
    lastLoginAt: user.lastLoginAt === null ? null : iso(user.lastLoginAt)
  }
}

const iso = (epochMs: number): string => new Date(epochMs).toISOString()
