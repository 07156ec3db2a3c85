import type { Backend, Credentials, Identity, PermissionAnswer, Verdict } from '../../src/auth/backend.ts'
import { createBreaker } from '../../src/auth/breaker.ts'
import type { ChainTools } from '../../src/auth/chain.ts'
import type { BackendTools } from '../../src/auth/define-backend.ts'
import type { Link } from '../../src/auth/link.ts'
import type { Log } from '../../src/auth/ports.ts'
import type { RequestContext } from '../../src/auth/question.ts'
import { type AccountLimits, createLimits } from '../../src/limits/account-limits.ts'
import { createInProcessLedger } from '../../src/limits/in-process.ts'

/** A log that keeps its lines. */
export function fakeLog(): Log & { readonly lines: Array<{ level: string; fields: object; message: string }> } {
  const lines: Array<{ level: string; fields: object; message: string }> = []
  const at = (level: string) => (fields: object, message: string) => {
    lines.push({ level, fields, message })
  }
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

/** An account as a backend would give it. */
export const fakeIdentity = (more: Partial<Identity> = {}): Identity => ({
  subject: 'subject-1',
  username: 'alice',
  emails: ['alice@example.com'],
  attributes: {},
  ...more
})

type Answer = Verdict | Error | ((credentials: Credentials) => Promise<Verdict>)

/** A backend that answers with a value, throws it, or computes it; it counts its questions. */
export function fakeBackend(answer: Answer, more: Partial<Backend> = {}): Backend & { readonly asked: Credentials[] } {
  const asked: Credentials[] = []
  return {
    asked,
    takes: ['password'],
    async authenticate(credentials) {
      asked.push(credentials)
      if (answer instanceof Error) throw answer
      return typeof answer === 'function' ? answer(credentials) : answer
    },
    ...more
  }
}

/** What a backend is opened with that keeps to itself: a silent log, and nobody with an account of ours. */
export const fakeBackendTools = (more: Partial<BackendTools> = {}): BackendTools => ({
  log: { debug() {}, info() {}, warn() {}, error() {} },
  accounts: {
    byEmail: async () => undefined,
    byId: async () => undefined,
    byLoginName: async () => undefined,
    replaceHash: async () => {}
  },
  hashPassword: async () => '',
  needsRehash: () => false,
  baseFolder: '/',
  ...more
})

/** A link with the defaults of the configuration. */
export const fakeLink = (id: string, more: Partial<Link> = {}): Link => ({
  id,
  type: id,
  onRejected: 'next',
  onUnavailable: 'next',
  timeoutMs: 200,
  create: true,
  updateAttributes: 'always',
  email: {},
  grants: [],
  veto: [],
  permissionsOnUnavailable: 'fail',
  vouches: 'by-domain',
  backend: fakeBackend({ outcome: 'unknown' }),
  breaker: createBreaker(),
  ...more
})

/** A backend that answers for permissions only. */
export const fakePermissions = (answer: PermissionAnswer | Error): Backend =>
  fakeBackend(
    { outcome: 'unknown' },
    {
      async permissions() {
        if (answer instanceof Error) throw answer
        return answer
      }
    }
  )

/** The tools of a chain; `hashes` counts what a login has paid. */
export function fakeTools(limits: AccountLimits | false = false): ChainTools & {
  readonly hashes: { verified: number; decoys: number }
} {
  const hashes = { verified: 0, decoys: 0 }
  return {
    hashes,
    passwords: {
      hash: async (password) => `hash of ${password}`,
      async verify(hash, password) {
        hashes.verified++
        return hash === `hash of ${password}`
      },
      async verifyDecoy() {
        hashes.decoys++
      },
      needsRehash: () => false
    },
    limits: createLimits(limits && createInProcessLedger(limits)),
    metrics: { backendAnswered() {}, loginEnded() {} }
  }
}

/** A request that has a second. */
export const fakeRequest = (log: Log = fakeLog(), ms = 1000): RequestContext => ({
  log,
  clientId: 'public',
  ip: '192.0.2.1',
  deadline: performance.now() + ms
})
