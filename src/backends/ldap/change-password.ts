import { Attribute, BerWriter, Change, ExtendedRequest, ModifyRequest, PasswordPolicyControl } from 'ldapts'
import type { BackendContext, PasswordChange } from '../../auth/backend.ts'
import type { PasswordRefusedReason } from '../../errors.ts'
import { refusalOf } from './bind-verdict.ts'
import type { Directory, Use } from './connections/directory.ts'
import { failedResult, LdapFailure } from './connections/failure.ts'
import { operations, type Result } from './connections/messages.ts'
import { codes } from './connections/result-codes.ts'
import { type PasswordPolicy, passwordPolicyOf } from './password-policy.ts'

/** A password and the one that takes its place. */
export interface NewPassword {
  readonly dn: string
  readonly oldPassword: string
  readonly newPassword: string
}

const policyReasons: Partial<Record<NonNullable<PasswordPolicy['error']>, PasswordRefusedReason>> = {
  'insufficient-quality': 'too-simple',
  'too-short': 'too-short',
  'too-long': 'too-long',
  'too-young': 'too-young',
  'in-history': 'in-history',
  'modification-not-allowed': 'not-allowed'
}

const refused = (reason: PasswordRefusedReason): PasswordChange => ({ outcome: 'refused', reason })

/** RFC 3062: the server hashes the password and holds it against its policy. */
const passwordModify = (messageId: number, { dn, oldPassword, newPassword }: NewPassword): Buffer => {
  const writer = new BerWriter()
  writer.startSequence()
  writer.writeString(dn, 0x80)
  writer.writeString(oldPassword, 0x81)
  writer.writeString(newPassword, 0x82)
  writer.endSequence()
  const oid = '1.3.6.1.4.1.4203.1.11.1'
  return new ExtendedRequest({ messageId, oid, value: writer.buffer, controls: [new PasswordPolicyControl()] }).write()
}

const answerToPasswordModify = (result: Result): PasswordChange => {
  if (result.code === codes.success) return { outcome: 'changed' }
  const { error } = passwordPolicyOf(result)
  const reason = error && policyReasons[error]
  if (reason) return refused(reason)
  if (result.code === codes.invalidCredentials) return { outcome: 'rejected', reason: 'wrong-password' }
  if (result.code === codes.insufficientAccessRights) return refused('not-allowed')
  if (result.code === codes.constraintViolation || result.code === codes.unwillingToPerform) return refused('policy')
  throw failedResult('password change', result)
}

/** MS-ADTS 3.1.1.3.1.5.2: in quotes and UTF-16LE; one value deleted and one added is a change, `replace` would be a reset. */
const changeUnicodePwd = (messageId: number, { dn, oldPassword, newPassword }: NewPassword): Buffer => {
  const change = (operation: 'delete' | 'add', password: string) =>
    new Change({
      operation,
      modification: new Attribute({ type: 'unicodePwd', values: [Buffer.from(`"${password}"`, 'utf16le')] })
    })
  return new ModifyRequest({
    messageId,
    dn,
    changes: [change('delete', oldPassword), change('add', newPassword)]
  }).write()
}

/** Windows says which error it was, and for a policy not which rule; Samba says that too. */
const answerToUnicodePwd = (result: Result): PasswordChange => {
  const { code, diagnostic } = result
  if (code === codes.success) return { outcome: 'changed' }
  if (code === codes.insufficientAccessRights) return refused('not-allowed')
  if (code !== codes.constraintViolation && code !== codes.unwillingToPerform)
    throw failedResult('password change', result)
  // ERROR_INVALID_PASSWORD and ERROR_WRONG_PASSWORD: the value to be deleted is not there.
  if (/\b000005[6B]\b|\b0000006A\b/i.test(diagnostic)) return { outcome: 'rejected', reason: 'wrong-password' }
  if (/too short/i.test(diagnostic)) return refused('too-short')
  if (/history/i.test(diagnostic)) return refused('in-history')
  if (/complexity/i.test(diagnostic)) return refused('too-simple')
  if (/too young|too soon/i.test(diagnostic)) return refused('too-young')
  if (code === codes.unwillingToPerform && !/\b0000052D\b/i.test(diagnostic))
    throw failedResult('password change', result)
  return refused('policy')
}

const changeIn =
  (change: NewPassword, isActiveDirectory: boolean) =>
  async ({ session, deadline }: Use): Promise<PasswordChange> => {
    if (!isActiveDirectory) {
      const encode = (id: number) => passwordModify(id, change)
      return answerToPasswordModify(await session.request(operations.extendedResponse, encode, deadline))
    }
    if (session.encryption === undefined) {
      throw new LdapFailure('refused', 'Active Directory changes passwords over TLS alone')
    }
    const encode = (id: number) => changeUnicodePwd(id, change)
    return answerToUnicodePwd(await session.request(operations.modifyResponse, encode, deadline))
  }

/** A failure is handed back, for what is thrown is tried again elsewhere: a change whose answer was lost may have been made. */
const once =
  <T>(work: (use: Use) => Promise<T>) =>
  (use: Use): Promise<T | LdapFailure> =>
    work(use).catch((error) => {
      if (error instanceof LdapFailure) return error
      throw error
    })

/**
 * Changes a password as the user. Who must change it can't bind to Active Directory: there the service account sends the
 * change, which proves the old password itself. OpenLDAP lets such a user bind, for the change alone.
 */
export const changePasswordAt = async (
  directory: Directory,
  change: NewPassword,
  context: BackendContext
): Promise<PasswordChange> => {
  const { isActiveDirectory } = await directory.rootDse(context)
  const apply = once(changeIn(change, isActiveDirectory))
  const asUser = async (use: Use): Promise<PasswordChange | LdapFailure | 'cannot-bind'> => {
    const bound = await use.session.bind(change.dn, change.oldPassword, use.deadline)
    const state = refusalOf(bound, { isActiveDirectory }, context)
    if (state === undefined || bound.code === codes.success) return apply(use)
    const mayChange =
      state.outcome === 'denied' && (state.reason === 'must-change-password' || state.reason === 'password-expired')
    return mayChange && isActiveDirectory ? 'cannot-bind' : state
  }
  const asked = await directory.use('binds', asUser, context)
  const answer = asked === 'cannot-bind' ? await directory.use('searches', apply, context) : asked
  if (answer instanceof LdapFailure) throw answer
  return answer
}
