import type { Identity as AuthIdentity, PermissionAnswer } from '../../auth/backend.ts'
import { mappedFields } from '../../config/reserved.ts'
import { check } from '../../schema/check.ts'
import { fieldIn, Identity, Permissions, parseAnswer } from './answers.ts'
import { HttpFailure } from './failure.ts'

const maxSubjectBytes = 255

/** Makes identities of answers. @param names what fields are called there, where otherwise @param own one's own fields */
export function identityReader(names: Readonly<Record<string, string>>, own: readonly string[]) {
  const fields = [...mappedFields, ...own]
  const renamed = Object.entries(names)

  return (body: object): AuthIdentity => {
    const named = Object.fromEntries(
      renamed.flatMap(([field, name]) => (Object.hasOwn(body, name) ? [[field, Reflect.get(body, name)]] : []))
    )
    const answer = parseAnswer(Identity, { ...body, ...named })
    const { subject, username, email, emailVerified } = answer
    if (Buffer.byteLength(subject) > maxSubjectBytes) throw new HttpFailure('protocol', 'the subject is over-long')
    const values = fields.flatMap((field) => {
      const value = fieldIn(answer, field)
      return value === undefined ? [] : [[field, value] as const]
    })
    return {
      subject,
      username: username ?? subject,
      emails: [email ?? []].flat(),
      ...(typeof emailVerified === 'boolean' ? { emailVerified } : {}),
      attributes: Object.fromEntries(values),
      ...nativeOf(answer)
    }
  }
}

/** What it said of permissions, kept for the question that follows within the same login. */
function nativeOf({ permissions, groups }: Identity): { native?: Permissions } {
  if (!permissions && !groups) return {}
  return { native: { permissions: permissions ?? [], groups: groups ?? [] } }
}

/** The permissions that came with an identity, where it was asked with one, and they did. */
export const nativePermissions = (identity: AuthIdentity | undefined): PermissionAnswer | undefined =>
  isPermissions(identity?.native) ? permissionAnswer(identity.native) : undefined

const isPermissions = (value: unknown): value is Permissions => value !== undefined && check(Permissions, value)

/** Permissions and groups as the chain takes them. */
export const permissionAnswer = ({ permissions, groups }: Permissions): PermissionAnswer => ({
  grants: (permissions ?? []).map((permission) => ({ permission, origin: 'the HTTP service' })),
  groups: groups ?? []
})
