import type { Static } from 'typebox'
import Type from '../../../schema/type.ts'
import { closed } from '../words.ts'
import { TextOrNull, Time, TimeOrNull } from './words.ts'

const names = (description: string, max = 1000) =>
  Type.Array(Type.String({ minLength: 1, maxLength: 255 }), { maxItems: max, description })

const AttributeValue = Type.Unsafe<string | number | boolean | null>({ type: ['string', 'number', 'boolean', 'null'] })

/** Fields of one's own, as `users.attributes` declares them. */
const attributes = (description: string) =>
  Type.Unsafe<Record<string, string | number | boolean | null>>({
    type: 'object',
    description,
    maxProperties: 200,
    additionalProperties: AttributeValue
  })

const userExample = {
  id: '019a9c5e-6f00-7d11-8f0a-2b6f1d0c9a77',
  email: 'alice@example.com',
  loginNames: ['alice'],
  firstName: 'Alice',
  lastName: 'Example',
  displayName: 'Alice Example',
  initials: 'AE',
  employeeNumber: '1007',
  isActive: true,
  isSuperuser: false,
  hasPassword: false,
  groups: ['editors'],
  permissions: ['blog.view_post'],
  identities: [
    {
      backend: 'corp',
      subject: '3d0e4f0a-6c1b-4c7e-9a3f-0c9b7c1d2e3f',
      username: 'alice',
      lastSeenAt: '2026-11-22T06:00:00.000Z'
    }
  ],
  attributes: { department: 'Press' },
  createdAt: '2026-11-01T06:00:00.000Z',
  updatedAt: '2026-11-22T06:00:00.000Z',
  lastLoginAt: '2026-11-22T06:00:00.000Z'
}

/** A user, as administration and one's own account show it. */
export const User = Type.Object(
  {
    id: Type.String({ description: 'UUID; the claim `sub`' }),
    email: Type.String(),
    loginNames: Type.Array(Type.String(), { description: 'What opens the local account beside the e-mail' }),
    firstName: TextOrNull,
    lastName: TextOrNull,
    displayName: TextOrNull,
    initials: TextOrNull,
    employeeNumber: TextOrNull,
    isActive: Type.Boolean(),
    isSuperuser: Type.Boolean({ description: 'By our own flag, or by a backend that is configured' }),
    hasPassword: Type.Boolean({ description: 'Has a password of ours' }),
    groups: Type.Array(Type.String(), { description: 'Names, local and mirrored' }),
    permissions: Type.Array(Type.String(), {
      description: 'What was granted directly; for all of them: `/admin/users/{id}/permissions`'
    }),
    identities: Type.Array(
      Type.Object({ backend: Type.String(), subject: Type.String(), username: Type.String(), lastSeenAt: Time })
    ),
    attributes: attributes("One's own fields that have a value"),
    createdAt: Time,
    updatedAt: Time,
    lastLoginAt: TimeOrNull
  },
  { $id: 'User', examples: [userExample] }
)

const field = Type.Union([Type.String({ maxLength: 1024 }), Type.Null()])

const ownFields = {
  firstName: Type.Optional(field),
  lastName: Type.Optional(field),
  displayName: Type.Optional(field),
  initials: Type.Optional(field),
  employeeNumber: Type.Optional(field),
  attributes: Type.Optional(attributes("One's own fields: those that change; null takes one away"))
}

const rights = {
  isActive: Type.Optional(Type.Boolean()),
  isSuperuser: Type.Optional(Type.Boolean({ description: 'Only superusers change it' })),
  groups: Type.Optional(names('Exactly these, by name; those that a backend mirrors stay')),
  permissions: Type.Optional(names('Exactly these, granted directly')),
  loginNames: Type.Optional(names('Exactly these, beside the e-mail', 100))
}

const email = Type.String({ minLength: 1, maxLength: 320 })
const password = Type.String({ minLength: 1, maxLength: 1024, format: 'password' })

/** Somebody new. */
export const NewUser = Type.Object(
  { email, ...ownFields, ...rights, password: Type.Optional(password) },
  { $id: 'NewUser', ...closed, examples: [{ email: 'alice@example.com', firstName: 'Alice', groups: ['editors'] }] }
)

/** A change of a user (RFC 7396). */
export const UserChange = Type.Object(
  { email: Type.Optional(email), ...ownFields, ...rights },
  { $id: 'UserChange', ...closed, examples: [{ lastName: 'Sample', isActive: false }] }
)

/** A change of oneself. */
export const AccountChange = Type.Object(ownFields, {
  $id: 'AccountChange',
  ...closed,
  examples: [{ displayName: 'Alice S.', attributes: { nickname: null } }]
})

/** A new password. */
export const NewPassword = Type.Object(
  { password },
  { $id: 'NewPassword', ...closed, examples: [{ password: 'correct horse battery staple' }] }
)

/** An account of a backend that is somebody's. */
export const NewIdentity = Type.Object(
  {
    backend: Type.String({ minLength: 1, maxLength: 64 }),
    subject: Type.String({ minLength: 1, maxLength: 255, description: "That backend's immutable id for the account" }),
    username: Type.Optional(Type.String({ minLength: 1, maxLength: 1024, description: 'Default: the subject' }))
  },
  {
    $id: 'NewIdentity',
    ...closed,
    examples: [{ backend: 'corp', subject: '3d0e4f0a-6c1b-4c7e-9a3f-0c9b7c1d2e3f', username: 'alice' }]
  }
)

const byModule = (description: string) =>
  Type.Record(
    Type.String(),
    Type.Array(
      Type.Object({
        permission: Type.String(),
        origins: Type.Array(Type.Object({ source: Type.String(), because: Type.String() }))
      })
    ),
    { description }
  )

const origin = { source: 'stored', because: 'group editors' }
const held = { blog: [{ permission: 'blog.change_post', origins: [origin] }] }

/** What somebody holds, and where it comes from. */
export const UserPermissions = Type.Object(
  {
    user: byModule('Held for themselves, by app_label'),
    group: byModule('Held by groups'),
    all: byModule('Both'),
    vetoed: byModule('Granted somewhere, and vetoed by the last of the origins')
  },
  { $id: 'UserPermissions', examples: [{ user: {}, group: held, all: held, vetoed: {} }] }
)

/** A user as the API answers one. */
export type UserJson = Static<typeof User>
