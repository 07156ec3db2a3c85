import type { Audit } from './auth/audit.ts'
import type { Log } from './auth/ports.ts'
import type { Config } from './config/config.ts'
import type { Store } from './store/index.ts'
import { commitKeys } from './tokens/key-administration.ts'
import { readKeyFile } from './tokens/key-file.ts'
import { type KeyRing, openKeyRing } from './tokens/key-ring.ts'
import type { PrivateKey } from './tokens/new-key.ts'
import {
  type CommitKeyAct,
  keepMarginMs,
  type RotationTimes,
  type RotationTools,
  usualLeadMs
} from './tokens/rotation.ts'
import { createSeal } from './tokens/seal.ts'

/** The times of signing keys, where a test can't wait for the usual ones. */
export type KeyTimes = Partial<RotationTimes & { readonly rereadMs: number }>

/** All replicas follow a change within 10 s. */
const usualRereadMs = 2_000

/** What signing keys are opened with, beside the configuration. */
export interface SigningKeyOptions {
  readonly secrets: readonly string[]
  readonly log: Log
  readonly times?: KeyTimes
  readonly audit: Pick<Audit, 'record'>
}

/** Opens the signing keys as the configuration has them. */
export async function openSigningKeys(config: Config, store: Store, options: SigningKeyOptions): Promise<KeyRing> {
  const { log, secrets, times, audit } = options
  return openKeyRing({
    ...rotationToolsOf(config, store, secrets),
    own: config.tokens.keyFiles.map((file) => ownKey(file, log)),
    times: {
      rotateMs: config.tokens.rotateMs,
      leadMs: usualLeadMs,
      keepMs: longestTtlSeconds(config) * 1000 + keepMarginMs,
      ...times
    },
    rereadMs: times?.rereadMs ?? usualRereadMs,
    log,
    commit: committing(audit, log)
  })
}

/** What the service does to its keys by itself, it writes down in the same commit. */
const committing =
  (audit: Pick<Audit, 'record'>, log: Log): CommitKeyAct =>
  ({ action, kid, algorithm, previous }, write) => {
    const act = { kind: 'administration', outcome: 'success', actor: 'service', action: `keys.${action}` } as const
    const details = { algorithm, ...(previous === undefined ? {} : { previous }) }
    return commitKeys(write, (along) => audit.record({ ...act, target: kid, details }, log, along))
  }

/** Of what tokens, audiences and clients of the configuration ask for. */
const longestTtlSeconds = ({ tokens, audiences, clients }: Config): number =>
  Math.max(tokens.accessTtlSeconds, ...[...audiences, ...clients].map(({ accessTtlSeconds = 0 }) => accessTtlSeconds))

/** What changes the signing keys, in the server and beside it. */
export function rotationToolsOf({ audiences }: Config, store: Store, secrets: readonly string[]): RotationTools {
  return {
    store: store.keys,
    seal: createSeal(secrets, 'signing keys'),
    algorithms: [...new Set(audiences.map(({ algorithm }) => algorithm))],
    now: Date.now
  }
}

/** @throws {Error} the file changed since the configuration was checked */
function ownKey(file: string, log: Log): PrivateKey {
  const read = readKeyFile(file)
  if ('mistake' in read) throw new Error(`the key file ${file} ${read.mistake}`)
  if (read.isExposed) log.warn({ event: 'key_file_exposed', file }, 'everybody on this machine may read a key file')
  return read.key
}
