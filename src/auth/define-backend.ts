import type { Static, TSchema } from 'typebox'
import type { Backend } from './backend.ts'
import { verdictOnShape } from './credentials.ts'
import type { LocalAccounts, MovedAccounts } from './local-accounts.ts'
import type { BackendMetrics, HandedOn, Log, SingleUse } from './ports.ts'

/** A mistake in a backend's options, at a path below them such as `/servers/0`. */
export interface OptionMistake {
  readonly path: string
  readonly message: string
}

/** What a backend is given when it is opened. */
export interface BackendTools {
  readonly log: Log
  readonly metrics?: BackendMetrics
  /** The service's own accounts, for the backend over our own table. */
  readonly accounts: LocalAccounts
  /** For a backend whose accounts may go over to the service's own. */
  readonly moved?: MovedAccounts
  /** For credentials that are good once; a backend that needs it does not open without. */
  readonly singleUse?: SingleUse
  /** For what outlasts a reload. */
  readonly handedOn?: HandedOn
  /** Hashes a password with the service's own parameters. */
  hashPassword(password: string): Promise<string>
  /** Whether a stored hash was made with weaker parameters than today's. */
  needsRehash(hash: string): boolean
  /** The folder that relative file names in the configuration start from. */
  readonly baseFolder: string
  /** The names of one's own users' fields (`users.attributes`), for sources whose answers may hold any. */
  readonly userFields?: readonly string[]
  /** What of an account `email.fallback` names beside its login name: to be brought along as the identity's `source`. */
  readonly sourceNames?: readonly string[]
}

/** A type of backend: its options' schema beside the function that opens one. */
export interface BackendDefinition<Options extends TSchema = TSchema> {
  /** The options of this type; those that all backends share are added by the configuration. */
  readonly options: Options
  /**
   * For which addresses it vouches (they may join a user who is there): `always`; those in `email.domains` (default);
   * or those in `email.domains` that the source also calls verified.
   */
  readonly vouches?: 'always' | 'by-domain' | 'by-domain-if-verified'
  /** Whether identities have `mirroredGroups`, for the service's own types. Absent, as in all of one's own: they may. */
  readonly mirrors?: (options: Static<Options>) => boolean
  /** Contradictions and dangers that no schema can say; found at start, reported with all others. */
  readonly mistakes?: (options: Static<Options>) => readonly OptionMistake[]
  readonly open: (id: string, options: Static<Options>, tools: BackendTools) => Backend
}

/** Loads a type of backend. */
export type BackendLoader = () => Promise<BackendDefinition>

/**
 * Ties a backend's options to their schema; the default export of a backend of one's own. The backend that comes of it is
 * asked about credentials of the kinds that it takes only, and never about an empty, over-long or malformed name or password.
 */
export const defineBackend = <const Options extends TSchema>(
  definition: BackendDefinition<Options>
): BackendDefinition<Options> => ({
  ...definition,
  open(id, options, tools) {
    const backend = definition.open(id, options, tools)
    // Of a module that was not type-checked anything may come; whoever loaded it looks at it.
    if (typeof backend?.authenticate !== 'function') return backend
    return {
      ...methodsOf(backend),
      ...backend,
      takes: backend.takes,
      async authenticate(credentials, context) {
        if (!backend.takes.includes(credentials.kind)) return { outcome: 'unknown' }
        return verdictOnShape(credentials) ?? backend.authenticate(credentials, context)
      }
    }
  }
})

const methods = [
  'lookUp',
  'identity',
  'identities',
  'permissions',
  'changePassword',
  'probe',
  'availability',
  'close'
] as const

/** Those that a class has and its object does not hold itself. */
const methodsOf = (backend: Backend): Partial<Backend> =>
  Object.fromEntries(
    methods.flatMap((name) => (typeof backend[name] === 'function' ? [[name, backend[name].bind(backend)]] : []))
  )
