import type { Static } from 'typebox'
import type { Identity } from '../auth/backend.ts'
import { defineBackend, type OptionMistake } from '../auth/define-backend.ts'
import { canonicalEmail } from '../auth/email.ts'
import type { Log } from '../auth/ports.ts'
import { PermissionName, text } from '../config/names.ts'
import { builtInFields } from '../config/reserved.ts'
import { isAffordable, parseArgon2 } from '../passwords/phc.ts'
import Type from '../schema/type.ts'

const field = (description: string) => text({ maxLength: 255, description })

const StaticUser = Type.Object(
  {
    username: field('The login name, which is also the subject: case-sensitive, compared after NFKC.'),
    email: text({ maxLength: 320, expected: 'an e-mail address', description: 'The e-mail address.' }),
    passwordHash: Type.Optional(
      text({
        expected: 'an argon2 hash as a PHC string',
        description: 'argon2 as a PHC string, at most m=131072, t=10, p=4.'
      })
    ),
    password: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 1024,
        description: 'Instead: the password itself, from the environment or a secret file.'
      })
    ),
    superuser: Type.Boolean({ default: false, description: 'Whether it makes the user a superuser.' }),
    permissions: Type.Array(PermissionName, { default: [], description: 'Permissions of this user.' }),
    groups: Type.Array(field('A group.'), { default: [], description: 'Names of groups, for the token.' }),
    firstName: Type.Optional(field('First name.')),
    lastName: Type.Optional(field('Last name.')),
    displayName: Type.Optional(field('Name to be shown.')),
    initials: Type.Optional(field('Initials.')),
    employeeNumber: Type.Optional(field('Employee number.')),
    attributes: Type.Record(
      Type.String({ pattern: '^[a-z][A-Za-z0-9_]{0,62}$' }),
      Type.Union([Type.String(), Type.Number(), Type.Boolean()]),
      { default: {}, keys: 'the name of a field', description: 'Values for the fields of users.attributes.' }
    )
  },
  { additionalProperties: false }
)

type StaticUser = Static<typeof StaticUser>

/** Users that stand in the configuration itself. */
export const staticBackend = defineBackend({
  vouches: 'always',
  options: Type.Object({ users: Type.Array(StaticUser, { minItems: 1, description: 'The users.' }) }),
  mistakes: ({ users }) => {
    const holders = new Map(users.map((user, index) => [nameOf(user.username), index] as const).reverse())
    return users.flatMap((user, index) => mistakesOf(user, index, holders.get(nameOf(user.username)) === index))
  },

  open(_id, { users }, { hashPassword, log }) {
    const accounts = new Map(users.map((user) => [nameOf(user.username), user]))
    const hashes = new Map<StaticUser, Promise<string>>()
    const hashOf = (user: StaticUser): Promise<string> => {
      if (user.passwordHash !== undefined) return Promise.resolve(user.passwordHash)
      const hash = hashes.get(user) ?? hashPassword(user.password ?? '')
      hashes.set(user, hash)
      hash.catch(() => hashes.delete(user))
      return hash
    }
    hashInTurn(users, hashOf, log)

    return {
      takes: ['password'],
      ignoresObjects: true,
      async authenticate(credentials, context) {
        const user = credentials.kind === 'password' ? accounts.get(nameOf(credentials.username)) : undefined
        if (credentials.kind !== 'password' || user === undefined) return { outcome: 'unknown' }
        const identity = identityOf(user)
        await context.found(identity.subject)
        const matches = await context.verifyPassword(await hashOf(user), credentials.password)
        return matches ? { outcome: 'accepted', identity } : { outcome: 'rejected', reason: 'wrong-password' }
      },
      async lookUp(username) {
        const user = accounts.get(nameOf(username))
        return user ? { outcome: 'accepted', identity: identityOf(user) } : { outcome: 'unknown' }
      },
      async identity(subject) {
        const user = accounts.get(subject)
        return user ? { state: 'present', identity: identityOf(user) } : { state: 'gone' }
      },
      async permissions({ subject }) {
        if (subject === null) return { grants: [] }
        const user = accounts.get(subject)
        if (user === undefined) return { grants: [], known: false }
        return {
          grants: user.permissions.map((permission) => ({ permission, origin: 'static user' })),
          groups: user.groups
        }
      }
    }
  }
})

/** Django's: names are case-sensitive, after NFKC. */
const nameOf = (username: string): string => username.normalize('NFKC')

/** One after the other, so that a long list leaves the other permits to logins. */
async function hashInTurn(users: readonly StaticUser[], hashOf: (user: StaticUser) => Promise<string>, log: Log) {
  for (const user of users) {
    await hashOf(user).catch((err) => log.warn({ err, user: user.username }, 'password not hashed yet'))
  }
}

function identityOf(user: StaticUser): Identity {
  const { firstName, lastName, displayName, initials, employeeNumber } = user
  const fields = Object.entries({ firstName, lastName, displayName, initials, employeeNumber, ...user.attributes })
  return {
    subject: nameOf(user.username),
    username: user.username,
    emails: [user.email],
    attributes: Object.fromEntries(fields.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]))),
    isSuperuser: user.superuser
  }
}

const subjectBytes = 255

function mistakesOf(user: StaticUser, index: number, isFirst: boolean): OptionMistake[] {
  const { username, email, password, passwordHash } = user
  const parameters = passwordHash === undefined ? undefined : parseArgon2(passwordHash)
  const found = [
    !isFirst && ['username', 'another user has this name'],
    Buffer.byteLength(nameOf(username)) > subjectBytes && ['username', `expected ${subjectBytes} bytes at most`],
    canonicalEmail(email) === undefined && ['email', 'expected an e-mail address'],
    password === undefined && passwordHash === undefined && ['passwordHash', 'is missing, and so is password'],
    password !== undefined && passwordHash !== undefined && ['password', 'stands beside passwordHash: one of them'],
    passwordHash !== undefined &&
      parameters === undefined && ['passwordHash', 'expected an argon2 hash as a PHC string'],
    parameters && !isAffordable(parameters) && ['passwordHash', 'expected at most m=131072 (128 MiB), t=10, p=4'],
    ...Object.keys(user.attributes).map(
      (key) => builtInFields.has(key) && [`attributes/${key}`, 'is a field beside attributes']
    )
  ]
  return found.flatMap((mistake) =>
    mistake ? [{ path: `/users/${index}/${mistake[0]}`, message: `${mistake[1]}` }] : []
  )
}
