import type { Backend } from './backend.ts'
import type { Breaker } from './breaker.ts'
import type { FieldNames } from './field-names.ts'

/** What the configuration says of a backend, whatever its type. */
export interface LinkPolicy {
  readonly id: string
  readonly type: string
  readonly onRejected: 'next' | 'stop'
  readonly onUnavailable: 'next' | 'stop'
  /** The backend's share of a login's time, over all its servers. */
  readonly timeoutMs: number
  /** Whether a first login may create a user. */
  readonly create: boolean
  readonly updateAttributes: 'always' | 'create'
  /** What fields are called there, for types that have no names of their own. */
  readonly attributes?: FieldNames
  readonly email: {
    /** Canonical domains; an address outside is refused. Absent: any may come in, unvouched. */
    readonly domains?: readonly string[]
    readonly prefer?: 'domain'
    readonly fallback?: string
  }
  /** Permissions for everyone whom this backend knows. */
  readonly grants: readonly string[]
  /** Patterns of permissions that it vetoes for everyone whom it knows. */
  readonly veto: readonly string[]
  readonly permissionsOnUnavailable: 'fail' | 'skip'
  /** Whether it keeps its people in local groups; absent: it may. */
  readonly mirrors?: boolean
  readonly vouches: 'always' | 'by-domain' | 'by-domain-if-verified'
}

/** One backend in its place in the chain. */
export interface Link extends LinkPolicy {
  readonly backend: Backend
  readonly breaker: Breaker
}

/** The ordered list of backends. */
export type Chain = readonly Link[]
