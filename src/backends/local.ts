import type { AuthenticateContext, Identity, Verdict } from '../auth/backend.ts'
import { defineBackend } from '../auth/define-backend.ts'
import { canonicalEmail } from '../auth/email.ts'
import type { LocalAccount } from '../auth/local-accounts.ts'
import { loginName } from '../auth/names.ts'
import Type from '../schema/type.ts'

/** The service's own users: they log in by their e-mail, in any spelling that normalises to it, or by a login name. */
export const localBackend = defineBackend({
  mirrors: () => false,
  vouches: 'always',
  options: Type.Object(
    { allowInactive: Type.Optional(Type.Boolean({ default: false, description: 'Lets inactive users in' })) },
    { additionalProperties: false }
  ),
  open(_id, { allowInactive = false }, { accounts, hashPassword, needsRehash, log }) {
    const strengthen = async (account: LocalAccount, hash: string, password: string): Promise<void> => {
      try {
        await accounts.replaceHash(account.id, hash, await hashPassword(password))
      } catch (err) {
        log.warn({ err, user: account.id }, 'password could not be rehashed')
      }
    }

    const verify = async (account: LocalAccount, password: string, context: AuthenticateContext): Promise<Verdict> => {
      const hash = account.passwordHash
      if (hash === null) return { outcome: 'unknown' }
      await context.found(account.id)
      if (!(await context.verifyPassword(hash, password))) return { outcome: 'rejected', reason: 'wrong-password' }
      if (!account.isActive && !allowInactive) return { outcome: 'denied', reason: 'disabled' }
      if (needsRehash(hash)) await strengthen(account, hash, password)
      return { outcome: 'accepted', identity: identityOf(account) }
    }

    /** An e-mail goes first, with a password or without: nobody's login name stands before somebody else's address. */
    const find = async (username: string): Promise<LocalAccount | undefined> => {
      const email = canonicalEmail(username)
      const account = email === undefined ? undefined : await accounts.byEmail(email)
      const name = account ? undefined : loginName(username)
      return name === undefined ? account : accounts.byLoginName(name)
    }

    return {
      takes: ['password'],
      keepsOwnPasswords: true,
      allowsInactive: allowInactive,
      async authenticate(credentials, context) {
        if (credentials.kind !== 'password') return { outcome: 'unknown' }
        const account = await find(credentials.username)
        return account ? verify(account, credentials.password, context) : { outcome: 'unknown' }
      },
      async lookUp(username) {
        const account = await find(username)
        if (!account || account.passwordHash === null) return { outcome: 'unknown' }
        if (!account.isActive && !allowInactive) return { outcome: 'denied', reason: 'disabled' }
        return { outcome: 'accepted', identity: identityOf(account) }
      },
      async identity(subject) {
        const account = await accounts.byId(subject)
        if (!account) return { state: 'gone' }
        if (!account.isActive && !allowInactive) return { state: 'disabled', reason: 'disabled' }
        return { state: 'present', identity: identityOf(account) }
      }
    }
  }
})

const identityOf = ({ id, email, emailVouched, attributes }: LocalAccount): Identity => ({
  subject: id,
  username: email,
  emails: [email],
  ...(emailVouched ? {} : { emailVerified: false }),
  attributes,
  userId: id
})
