import { type Attributes, defineBackend, type Identity, type Static, Type } from 'latchkey'

const Person = Type.Object({
  email: Type.String({ minLength: 3, description: 'The e-mail address.' }),
  passwordHash: Type.String({ pattern: '^\\$argon2', expected: 'an argon2 hash', description: 'A PHC string.' }),
  disabled: Type.Boolean({ default: false, description: 'Whether the account is closed.' }),
  firstName: Type.Optional(Type.String({ description: 'First name.' })),
  lastName: Type.Optional(Type.String({ description: 'Last name.' }))
})

type Person = Static<typeof Person>

/** Users in a dictionary, and permissions by rule: one of them, the magic admin, may do what is listed, without any row. */
export default defineBackend({
  options: Type.Object({
    users: Type.Record(Type.String({ pattern: '^[a-z][a-z0-9.-]*$' }), Person, {
      keys: 'a login name in small letters',
      description: 'The users by login name.'
    }),
    admin: Type.Optional(Type.String({ description: 'The login name of the magic admin.' })),
    adminPermissions: Type.Array(Type.String({ minLength: 3 }), { default: [], description: 'What the admin may do.' })
  }),

  mistakes: ({ users, admin }) =>
    admin === undefined || Object.hasOwn(users, admin) ? [] : [{ path: '/admin', message: 'is none of the users' }],

  open(_id, { users, admin, adminPermissions }) {
    const people = new Map(Object.entries(users))
    return {
      takes: ['password'],

      async authenticate(credentials, context) {
        if (credentials.kind !== 'password') return { outcome: 'unknown' }
        const { username, password } = credentials
        const person = people.get(username)
        if (person === undefined) return { outcome: 'unknown' }
        await context.found(username)
        const isRight = await context.verifyPassword(person.passwordHash, password)
        if (!isRight) return { outcome: 'rejected', reason: 'wrong-password' }
        if (person.disabled) return { outcome: 'denied', reason: 'disabled' }
        return { outcome: 'accepted', identity: identityOf(username, person) }
      },

      async lookUp(username) {
        const person = people.get(username)
        if (person === undefined) return { outcome: 'unknown' }
        if (person.disabled) return { outcome: 'denied', reason: 'disabled' }
        return { outcome: 'accepted', identity: identityOf(username, person) }
      },

      async identity(subject) {
        const person = people.get(subject)
        if (person === undefined) return { state: 'gone' }
        if (person.disabled) return { state: 'disabled', reason: 'disabled' }
        return { state: 'present', identity: identityOf(subject, person) }
      },

      async permissions({ subject }) {
        const isAdmin = subject !== null && subject === admin && people.get(subject)?.disabled === false
        return {
          grants: isAdmin ? adminPermissions.map((permission) => ({ permission, origin: 'the magic admin' })) : []
        }
      }
    }
  }
})

function identityOf(username: string, { email, firstName, lastName }: Person): Identity {
  const names: Attributes = { ...(firstName && { firstName }), ...(lastName && { lastName }) }
  return { subject: username, username, emails: [email], attributes: names }
}
