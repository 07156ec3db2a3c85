import type {
  AuthenticateContext,
  Backend,
  BackendContext,
  Credentials,
  Identity,
  IdentityAnswer,
  PasswordChange,
  PasswordCredentials,
  Verdict
} from '../../auth/backend.ts'
import type { BackendTools } from '../../auth/define-backend.ts'
import { BackendUnavailable } from '../../errors.ts'
import { expiryAttribute, passwordExpiryOfEntry, stateAttributes, stateOfEntry } from './account-state.ts'
import { createAuthorization } from './authorization.ts'
import { traceState } from './bind-verdict.ts'
import { changePasswordAt } from './change-password.ts'
import { LdapFailure } from './connections/failure.ts'
import { searchesOf } from './direct-bind.ts'
import { tracedSubject } from './entry-trace.ts'
import { createExamination } from './examination.ts'
import { attributeMapping, createIdentityMaker } from './identity.ts'
import { inOrder } from './in-order.ts'
import { openDirectory } from './open-directory.ts'
import type { LdapOptions } from './options.ts'
import { createPasswordCheck } from './password-check.ts'
import { createPeople, type Person } from './people.ts'
import { habitsOf } from './preset.ts'
import { createStanding } from './standing.ts'
import { subjectAttributes, subjectRule } from './subject.ts'
import { createUsers, userSearches } from './users.ts'

/** Opens the backend; connects at the first question. */
export const openLdap = (id: string, options: LdapOptions, tools: BackendTools): Backend => {
  const directory = openDirectory(id, options, tools)
  const subjectAttribute = options.subject ?? (options.preset && habitsOf[options.preset].subject)
  const searches = searchesOf(options)
  const loginAttributes = [...new Set(searches.flatMap(({ filter }) => filter.loginAttributes))]
  const mapping = attributeMapping(options.attributes)
  const standing = createStanding(directory, options)
  const identities = createIdentityMaker(mapping, loginAttributes, {
    sourceNames: tools.sourceNames ?? [],
    standing: standing.attributes
  })
  const { identityOf } = identities
  const mayBeActiveDirectory = options.preset === undefined || options.preset === 'active-directory'
  const attributes = [
    ...identities.attributes,
    ...subjectAttributes(subjectAttribute),
    ...standing.attributes,
    ...(mayBeActiveDirectory ? [expiryAttribute] : [])
  ]
  const users = createUsers(directory, { searches, subject: subjectAttribute, attributes })
  const parts = { searches: userSearches(options), users, subject: subjectAttribute, attributes }
  const checkPassword = createPasswordCheck(directory, options.dnTemplate, parts)
  const examine = createExamination(directory, options, { searches, subject: subjectAttribute, attributes })
  const people = createPeople(directory, {
    searches,
    attributes: [...attributes, ...stateAttributes],
    emailAttributes: mapping.get('email') ?? []
  })

  const authenticate = async (credentials: PasswordCredentials, context: AuthenticateContext): Promise<Verdict> => {
    const { username, password } = credentials
    if (password === '') return { outcome: 'rejected', reason: 'empty-password' }
    if (`${username}${password}`.includes('\0')) return { outcome: 'rejected', reason: 'malformed' }
    if (username === '') return { outcome: 'unknown' }
    const checked = await checkPassword(credentials, context)
    if (checked.outcome !== 'bound') return checked
    const { entry, subject } = checked
    const admitted = await standing.admit(identityOf(entry, subject), context)
    if (admitted === undefined) return { outcome: 'denied', reason: 'not-allowed' }
    const expiry = passwordExpiryOfEntry(entry, Date.now())
    const warnings = checked.warnings ?? (expiry === undefined ? undefined : { passwordExpiresInSeconds: expiry })
    return { outcome: 'accepted', identity: admitted, ...(warnings && { warnings }) }
  }

  /** What an entry that is there is worth, without its password. */
  const stateOf = async ({ entry }: Person, subject: string, context: BackendContext): Promise<IdentityAnswer> => {
    const state = stateOfEntry(entry, Date.now())
    if (state !== undefined) {
      traceState(context, state)
      return { state: 'disabled', reason: state }
    }
    const admitted = await standing.admit(identityOf(entry, subject), context, { past: true })
    return admitted ? { state: 'present', identity: admitted } : { state: 'disabled', reason: 'not-allowed' }
  }

  const lookUp = async (username: string, context: BackendContext): Promise<Verdict> => {
    const answer = await users.byUsername(username, context)
    if (answer.found === 'none') return { outcome: 'unknown' }
    if (answer.found === 'several') return { outcome: 'rejected', reason: 'ambiguous' }
    const subject = tracedSubject(subjectRule(subjectAttribute, answer.rootDse), answer.entry, context)
    const state = await stateOf(answer, subject, context)
    if (state.state === 'gone') return { outcome: 'unknown' }
    return state.state === 'disabled'
      ? { outcome: 'denied', reason: state.reason }
      : { outcome: 'accepted', identity: state.identity }
  }

  const identity = async (subject: string, context: BackendContext): Promise<IdentityAnswer> => {
    const answer = await users.bySubject(subject, context)
    if (answer.found === 'none') return { state: 'gone' }
    if (answer.found === 'several') throw new LdapFailure('protocol', 'several entries have the same subject')
    return stateOf(answer, subject, context)
  }

  /** Everybody whom a login with the right password would let in, a few at a time so that groups are asked for side by side. */
  const everybody = async function* (context: BackendContext): AsyncGenerator<Identity> {
    const seen = new Set<string>()
    const answers = inOrder(people.everybody(context), async ({ entry, rootDse }) => {
      const subject = subjectRule(subjectAttribute, rootDse).read(entry)
      if (seen.has(subject)) return undefined
      seen.add(subject)
      return stateOf({ entry, rootDse }, subject, context)
    })
    for await (const answer of answers) if (answer?.state === 'present') yield answer.identity
  }

  const byEmail = async (email: string, context: BackendContext): Promise<IdentityAnswer> => {
    const person = await people.byEmail(email, context)
    if (person === undefined) return { state: 'gone' }
    return stateOf(person, subjectRule(subjectAttribute, person.rootDse).read(person.entry), context)
  }

  const permissions = createAuthorization(options, {
    standing,
    bySubject: identity,
    ...(options.authorizeAll && { byEmail })
  })

  const changePassword = async (
    subject: string,
    oldPassword: string,
    newPassword: string,
    context: BackendContext
  ): Promise<PasswordChange> => {
    const answer = await users.bySubject(subject, context)
    if (answer.found !== 'one') return { outcome: 'unknown' }
    return changePasswordAt(directory, { dn: answer.entry.dn, oldPassword, newPassword }, context)
  }

  /** What the directory could not tell becomes the word that the chain knows; all else passes. */
  const answered =
    <Arguments extends unknown[], T>(ask: (...args: Arguments) => Promise<T>) =>
    async (...args: Arguments): Promise<T> => {
      try {
        return await ask(...args)
      } catch (error) {
        throw error instanceof LdapFailure ? new BackendUnavailable(id, { reason: error.reason, cause: error }) : error
      }
    }

  return {
    takes: ['password'],
    authorizesAll: options.authorizeAll === true,
    ignoresObjects: true,
    authenticate: answered(async (credentials: Credentials, context: AuthenticateContext) =>
      credentials.kind === 'password' ? authenticate(credentials, context) : { outcome: 'unknown' }
    ),
    lookUp: answered(lookUp),
    identity: answered(identity),
    async *identities(context) {
      const list = everybody(context)
      try {
        for (;;) {
          const next = await answered(() => list.next())()
          if (next.done) return
          yield next.value
        }
      } finally {
        await list.return(undefined)
      }
    },
    permissions: answered(permissions),
    changePassword: answered(changePassword),
    probe: answered(async (context: BackendContext) => {
      await directory.probe(context)
      if (context.trace) await examine(context)
    }),
    availability: () => directory.status(),
    close: async () => directory.close()
  }
}
