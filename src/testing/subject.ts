import assert from 'node:assert/strict'
import type { AuthenticateContext, Backend, Credentials, Verdict } from '../auth/backend.ts'
import { openPasswords } from '../passwords/argon2.ts'
import type { Conforming } from './conforming.ts'

/** What each case of the suite works with. */
export interface Subject {
  readonly breakSource: Conforming['breakSource'] | undefined
  readonly onObject: Conforming['onObject'] | undefined
  readonly backend: Backend
  readonly kind: Credentials['kind']
  readonly secrets: readonly string[]
  readonly anonymous: readonly string[]
  /** Whom `context.found` was told of, over all questions. */
  readonly found: string[]
  /** Credentials that it accepts. */
  right(): Promise<Credentials>
  /** Some that it doesn't. */
  readonly wrong: Credentials
  /** Whether it must ask the source to know that these are wrong. */
  readonly asksForWrong: boolean
  context(more?: Partial<AuthenticateContext>): AuthenticateContext
  ask(credentials: Credentials, more?: Partial<AuthenticateContext>): Promise<Verdict>
}

/** A case: what is said of the backend stands beside it. */
export type Case = (subject: Subject) => Promise<void>

/** Cases by what they say. */
export type Cases = Readonly<Record<string, Case>>

const timeoutMs = 3000
/** The suite tells what a backend does, not how fast the machine is. */
const patienceMs = 60_000

/** What the cases need of what is known. */
export async function subjectOf(given: Conforming): Promise<Subject> {
  const { backend, secrets = [], anonymous = [], breakSource, onObject } = given
  const passwords = given.passwords ?? (await openPasswords({ queueTimeoutMs: patienceMs }))
  const found: string[] = []
  const context = (more: Partial<AuthenticateContext> = {}): AuthenticateContext => {
    const ends = performance.now() + timeoutMs
    return {
      signal: AbortSignal.timeout(timeoutMs),
      remainingMs: () => Math.max(0, ends - performance.now()),
      log: { debug() {}, info() {}, warn() {}, error() {} },
      clientId: 'test',
      ip: '192.0.2.1',
      found: async (account) => {
        found.push(account)
      },
      verifyPassword: passwords.verify,
      ...more
    }
  }
  const ask: Subject['ask'] = (credentials, more) => {
    const answer = backend.authenticate(credentials, context(more))
    assert.equal(typeof answer?.then, 'function', 'authenticate answers a promise')
    return answer
  }
  const presented = presentedOf(given)
  const all = [...secrets, ...('password' in given ? [given.password] : [])]
  return { ...{ backend, anonymous, breakSource, onObject, found, secrets: all }, ...presented, context, ask }
}

/** The type of tokens that say nothing else. */
export const jwtType = 'urn:ietf:params:oauth:token-type:jwt'

function presentedOf(given: Conforming): Pick<Subject, 'kind' | 'right' | 'wrong' | 'asksForWrong'> {
  if ('token' in given) {
    const { token, tokenType = jwtType, wrong } = given
    const presented = (text: string) => ({ kind: 'token', token: text, tokenType }) as const
    const [first] = Object.values(wrong)
    assert.ok(first !== undefined, 'at least one wrong token')
    return {
      ...{ kind: 'token', asksForWrong: false, wrong: presented(first) },
      right: async () => presented(await token())
    }
  }
  if ('headers' in given) {
    const right = { kind: 'header', headers: given.headers, peer: given.peer } as const
    const [first] = Object.values(given.wrong)
    assert.ok(first !== undefined, 'at least one that is wrong')
    return { kind: 'header', asksForWrong: false, wrong: { ...right, ...first }, right: async () => right }
  }
  const right = { kind: 'password', username: given.username, password: given.password } as const
  return { kind: 'password', asksForWrong: true, wrong: { ...right, password: 'wrong' }, right: async () => right }
}
