import type { PendingWrite } from '../auth/audit.ts'
import type { Algorithm, KeyChange, KeyStore, KeyWrite, StoredKey } from './key-store.ts'
import { generateKey, isOwn, storedKeyOf } from './new-key.ts'
import type { Seal } from './seal.ts'

/** When keys change. */
export interface RotationTimes {
  /** How long a key signs; false: until somebody rotates it. */
  readonly rotateMs: number | false
  /** How long a key is published before it signs. */
  readonly leadMs: number
  /** How long a key is published after it signed. */
  readonly keepMs: number
}

/** A change of the keys that nobody asked for: it was time, or the configuration has other keys. */
export interface KeyAct {
  /** `create`: made, and signs at once; `publish`: signs later; `activate`: signs from now on; `withdraw`: will not sign. */
  readonly action: 'create' | 'publish' | 'activate' | 'withdraw'
  readonly kid: string
  readonly algorithm: Algorithm
  /** The key that signed before. */
  readonly previous?: string
}

/**
 * Writes a change of the keys with its event, in one commit; `lost` where somebody else changed them meanwhile.
 * @throws {TemporarilyUnavailable} the database did not answer: it may be written, or not
 */
export type CommitKeys = (write: PendingWrite) => Promise<'done' | 'lost'>

/** The same for a change that nobody asked for. */
export type CommitKeyAct = (act: KeyAct, write: PendingWrite) => Promise<'done' | 'lost'>

/** What changing keys needs. */
export interface RotationTools {
  readonly store: KeyStore
  readonly seal: Seal
  /** Those that tokens are signed with. */
  readonly algorithms: readonly Algorithm[]
  /** Epoch milliseconds. */
  readonly now: () => number
}

/**
 * Clients keep a key set for minutes, and some ask for an unknown key only when their copy is a minute old: a quarter of an
 * hour, and a minute for replicas that learn of the key later and for clocks that differ.
 */
export const usualLeadMs = 16 * 60_000
/** Replicas sign with a retired key until they learn of it (10 s), and clocks differ (30 s). */
export const keepMarginMs = 60_000

/** The key of an algorithm in a state, where there is one. */
export const keyIn = (keys: readonly StoredKey[], algorithm: Algorithm, state: StoredKey['state']) =>
  keys.filter((key) => key.algorithm === algorithm && key.state === state).at(-1)

/**
 * Does what is due now, each step only if nobody else has: of several replicas one makes each key and each change.
 * @param keys as they were just read
 * @returns whether there was anything to do, so that the keys are to be read again
 */
export async function advanceKeys(
  keys: readonly StoredKey[],
  { rotateMs, leadMs, keepMs }: RotationTimes,
  tools: RotationTools,
  commit: CommitKeyAct
): Promise<boolean> {
  const at = tools.now()
  const dead = keys.filter(({ state, retiredAt }) => state === 'retired' && at >= (retiredAt ?? at) + keepMs)
  for (const { kid } of dead) await tools.store.remove(kid)
  let changed = dead.length > 0
  for (const algorithm of tools.algorithms) {
    const step = await dueStep(algorithm, keys, { tools, at, leadMs, rotateMs })
    if (step === undefined) continue
    changed = true
    await commit(step.act, tools.store.pending(step.write))
  }
  return changed
}

/** A change that nobody asked for. */
export interface KeyStep {
  readonly act: KeyAct
  readonly write: KeyWrite
}

interface Now extends Pick<RotationTimes, 'leadMs' | 'rotateMs'> {
  readonly tools: RotationTools
  readonly at: number
}

/** The step that is due for one algorithm, if any. */
async function dueStep(
  algorithm: Algorithm,
  keys: readonly StoredKey[],
  { tools, at, leadMs, rotateMs }: Now
): Promise<KeyStep | undefined> {
  const current = keyIn(keys, algorithm, 'current')
  const next = keyIn(keys, algorithm, 'next')
  const make = async (state: 'current' | 'next', action: KeyAct['action']): Promise<KeyStep> => {
    const made = await newKey(algorithm, state, keys, { ...tools, now: () => at })
    return { act: { action, kid: made.kid, algorithm }, write: { added: [made] } }
  }
  if (current === undefined) return make('current', 'create')
  if (next !== undefined && at >= next.createdAt + leadMs) {
    const act = { action: 'activate', kid: next.kid, algorithm, previous: current.kid } as const
    return { act, write: { changes: [retirement(current, at), activation(next, at)] } }
  }
  return next === undefined && isDue(current, rotateMs, leadMs, at) ? make('next', 'publish') : undefined
}

const isDue = (current: StoredKey, rotateMs: number | false, leadMs: number, at: number): boolean =>
  rotateMs !== false && !isOwn(current) && at >= (current.activatedAt ?? current.createdAt) + rotateMs - leadMs

const newKey = async (
  algorithm: Algorithm,
  state: 'current' | 'next',
  keys: readonly StoredKey[],
  { seal, now }: RotationTools
): Promise<StoredKey> => storedKeyOf(await generateKey(algorithm), state, { keys, seal, at: now() })

/** A key signs no longer, and nobody needs its private half. */
const retirement = (key: StoredKey, at: number): KeyChange => {
  return { key, set: { state: 'retired', retiredAt: at, sealed: '' } }
}

const activation = (key: StoredKey, at: number): KeyChange => {
  return { key, set: { state: 'current', activatedAt: at } }
}

/** A key as it is after its activation. */
const activated = (key: StoredKey, at: number): StoredKey => ({ ...key, ...activation(key, at).set })

/** What somebody asked for: the key that signs next, as it will be, and what is to be written for it. */
export interface PlannedKey<Key = StoredKey> {
  readonly key: Key
  readonly write: KeyWrite
}

/** How the next key is published, if none is yet, or made current at once. */
export async function planRotation(
  current: StoredKey,
  keys: readonly StoredKey[],
  tools: RotationTools,
  immediately: boolean
): Promise<PlannedKey> {
  const at = tools.now()
  const published = keyIn(keys, current.algorithm, 'next')
  const next = published ?? (await newKey(current.algorithm, 'next', keys, tools))
  if (!immediately) return { key: next, write: published ? {} : { added: [next] } }
  const key = activated(next, at)
  const retired = retirement(current, at)
  if (published) return { key, write: { changes: [retired, activation(published, at)] } }
  return { key, write: { changes: [retired], added: [key] } }
}

/** How a key is taken out of the key set, for good. Where it signs, the next one does from now on, or a new one: `key`. */
export async function planRevocation(
  revoked: StoredKey,
  keys: readonly StoredKey[],
  tools: RotationTools
): Promise<PlannedKey<StoredKey | undefined>> {
  const at = tools.now()
  const change: KeyChange = { key: revoked, set: { state: 'revoked', retiredAt: at, sealed: '' } }
  if (revoked.state !== 'current' || !tools.algorithms.includes(revoked.algorithm))
    return { key: undefined, write: { changes: [change] } }
  const next = keyIn(keys, revoked.algorithm, 'next')
  if (next !== undefined) return { key: activated(next, at), write: { changes: [change, activation(next, at)] } }
  const made = await newKey(revoked.algorithm, 'current', keys, tools)
  return { key: made, write: { changes: [change], added: [made] } }
}
