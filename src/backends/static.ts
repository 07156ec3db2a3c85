import type { Static } from 'typebox'
import type { Identity } from '../auth/backend.ts'
import { verdictOnShape } from '../auth/credentials.ts'
import { defineBackend, type OptionMistake } from '../auth/define-backend.ts'
import { canonicalEmail } from '../auth/email.ts'
import type { Log } from '../auth/ports.ts'
import { PermissionName, text } from '../config/names.ts'
import { builtInFields } from '../config/reserved.ts'
import { readHash, type UnusableReason } from '../passwords/formats/index.ts'
import Type from '../schema/type.ts'

const field = (description: string) => text({ maxLength: 255, description })

const StaticUser = Type.Object(
  {
    username: field('The login name, which is also the subject: case-sensitive, compared after NFKC.'),
    email: text({ maxLength: 320, expected: 'an e-mail address', description: 'The e-mail address.' }),
    passwordHash: Type.Optional(
      text({
        expected: 'a password hash of a known kind',
        description: 'A hash of any kind in docs/passwords.md; argon2 as a PHC string with at most m=131072, t=10, p=4.'
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
  mirrors: () => false,
  vouches: 'always',
  options: Type.Object({ users: Type.Array(StaticUser, { minItems: 1, description: 'The users.' }) }),
  mistakes: ({ users }) => {
    const holders = new Map(users.map((user, index) => [nameOf(user.username), index] as const).reverse())
    return users.flatMap((user, index) => mistakesOf(user, index, holders.get(nameOf(user.username)) === index))
  },

  open(_id, { users }, { hashPassword, needsRehash, log }) {
    const accounts = new Map(users.map((user) => [nameOf(user.username), user]))
    const hashes = new Map<StaticUser, Promise<string>>()
    const hashOf = (user: StaticUser): Promise<string> => {
      const known = hashes.get(user)
      if (known) return known
      if (user.passwordHash !== undefined) return Promise.resolve(user.passwordHash)
      return keep(user, hashPassword(user.password ?? ''))
    }
    const keep = (user: StaticUser, hash: Promise<string>): Promise<string> => {
      hashes.set(user, hash)
      hash.catch(() => hashes.delete(user))
      return hash
    }
    /** The configuration keeps its hash; this process verifies against a stronger one from now on. */
    const strengthen = async (user: StaticUser, password: string): Promise<void> => {
      try {
        const hash = await hashPassword(password)
        await keep(user, Promise.resolve(hash))
      } catch (err) {
        log.warn({ err, user: user.username }, 'password could not be rehashed')
      }
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
        const hash = await hashOf(user)
        const matches = await context.verifyPassword(hash, credentials.password)
        if (!matches) return { outcome: 'rejected', reason: 'wrong-password' }
        if (hash === user.passwordHash && needsRehash(hash)) await strengthen(user, credentials.password)
        return { outcome: 'accepted', identity }
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

const unusableHash: Readonly<Record<UnusableReason, string>> = {
  none: 'says that there is no password',
  malformed: 'expected a password hash of a known kind',
  unsupported: 'expected a password hash of a known kind',
  yescrypt: 'is yescrypt, which is not verified here: docs/passwords.md tells what to do',
  'des-crypt': 'is DES crypt, which is not verified here: docs/passwords.md tells what to do',
  'too-expensive': 'is too expensive: docs/passwords.md has the ceilings',
  weak: 'is a digest without a salt: expected a password hash'
}

function hashMistake(hash: string, reason: UnusableReason): string {
  if (!hash.startsWith('$argon2')) return unusableHash[reason]
  return reason === 'too-expensive'
    ? 'expected at most m=131072 (128 MiB), t=10, p=4'
    : 'expected an argon2 hash as a PHC string'
}

function mistakesOf(user: StaticUser, index: number, isFirst: boolean): OptionMistake[] {
  const { username, email, password, passwordHash } = user
  const reading = passwordHash === undefined ? undefined : readHash(passwordHash)
  const unusable = reading && 'unusable' in reading ? reading.unusable : undefined
  const found = [
    !isFirst && ['username', 'another user has this name'],
    Buffer.byteLength(nameOf(username)) > subjectBytes && ['username', `expected ${subjectBytes} bytes at most`],
    canonicalEmail(email) === undefined && ['email', 'expected an e-mail address'],
    password === undefined && passwordHash === undefined && ['passwordHash', 'is missing, and so is password'],
    password !== undefined && passwordHash !== undefined && ['password', 'stands beside passwordHash: one of them'],
    password !== undefined &&
      verdictOnShape({ kind: 'password', username, password }) && [
        'password',
        'holds a control character, such as a line break, and nobody could log in with it'
      ],
    unusable && ['passwordHash', hashMistake(passwordHash ?? '', unusable)],
    ...Object.keys(user.attributes).map(
      (key) => builtInFields.has(key) && [`attributes/${key}`, 'is a field beside attributes']
    )
  ]
  return found.flatMap((mistake) =>
    mistake ? [{ path: `/users/${index}/${mistake[0]}`, message: `${mistake[1]}` }] : []
  )
}
