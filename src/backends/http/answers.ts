import type { Static, TSchema } from 'typebox'
import { explain } from '../../config/explain.ts'
import { PermissionName } from '../../config/names.ts'
import { check } from '../../schema/check.ts'
import Type from '../../schema/type.ts'
import { HttpFailure } from './failure.ts'

/** No control characters, no lone surrogates, no U+FFFD. */
const readable = '^[^\\u0000-\\u001f\\u007f-\\u009f\\ud800-\\udfff\\ufffd]*$'

const text = (maxLength: number, description: string) =>
  Type.String({ minLength: 1, maxLength, pattern: readable, description })

const orNull = <Schema extends TSchema>(schema: Schema, description: string) =>
  Type.Optional(Type.Union([schema, Type.Null()], { description }))

/** A value of a user's field. */
const FieldValue = Type.Union([Type.String(), Type.Number(), Type.Boolean(), Type.Null()], {
  description: "A value of one of the user's own fields, by its name; null is as if it were left out."
})

const Subject = text(255, "The account's immutable id: never another account's, at most 255 bytes.")

const permissions = Type.Array(PermissionName, { description: 'Permissions of the account.' })
const groups = Type.Array(text(255, 'A group.'), { description: 'Names of the groups that it is in.' })

/** 200 to `authenticate` and `identity`. Fields that are not listed are ignored, unless `users.attributes` declares them. */
export const Identity = Type.Object(
  {
    subject: Subject,
    username: orNull(text(320, 'A login name.'), 'The canonical login name. Absent: the subject.'),
    email: orNull(
      Type.Union([Type.String({ maxLength: 1024 }), Type.Array(Type.String({ maxLength: 1024 }), { maxItems: 100 })]),
      'The e-mail address; several that tie are refused.'
    ),
    emailVerified: orNull(Type.Boolean(), 'False: nobody is joined by this address.'),
    firstName: Type.Optional(FieldValue),
    lastName: Type.Optional(FieldValue),
    displayName: Type.Optional(FieldValue),
    initials: Type.Optional(FieldValue),
    employeeNumber: Type.Optional(FieldValue),
    permissions: orNull(permissions, 'With groups or alone, they spare the question for permissions at a login.'),
    groups: orNull(groups, 'Likewise.')
  },
  { additionalProperties: true }
)

/** The same as a type. */
export type Identity = Static<typeof Identity>

/** 200 to `permissions`. */
export const Permissions = Type.Object(
  { permissions: orNull(permissions, 'Permissions of the account.'), groups: orNull(groups, 'Groups of the account.') },
  { additionalProperties: true }
)

/** The same as a type. */
export type Permissions = Static<typeof Permissions>

const subject = orNull(
  Subject,
  'Whose account it is, so that failures count for it by whichever login name; the caller never learns it.'
)

/** 401, 403 and 404, where they say anything. */
export const Refusal = Type.Object({ subject }, { additionalProperties: true })

/** 423. */
export const AccountState = Type.Object(
  {
    subject,
    state: orNull(
      Type.Enum(['disabled', 'locked', 'expired', 'password-expired', 'must-change-password']),
      'What is the matter. The last two reach the caller, and so are for a right password alone. Absent: locked.'
    )
  },
  { additionalProperties: true }
)

/**
 * An answer as its schema has it.
 * @throws {HttpFailure} it differs; says where, and never what stood there
 */
export function parseAnswer<Schema extends TSchema>(schema: Schema, body: object): Static<Schema> {
  if (isOf(schema, body)) return body
  const places = explain(schema, body).map(({ path, message }) => `/${path.join('/')} ${message}`)
  throw new HttpFailure('protocol', `the answer is not as documented: ${places.slice(0, 5).join('; ')}`)
}

const isOf = <Schema extends TSchema>(schema: Schema, value: unknown): value is Static<Schema> => check(schema, value)

/** A field of an answer as a user's field may have it. @throws {HttpFailure} it is a list or an object */
export function fieldIn(body: object, name: string): string | number | boolean | undefined {
  const value: unknown = Object.hasOwn(body, name) ? Reflect.get(body, name) : undefined
  if (value === undefined || value === null) return undefined
  if (isOf(FieldValue, value)) return value ?? undefined
  throw new HttpFailure('protocol', `the answer is not as documented: /${name} expected text, a number, true or false`)
}
