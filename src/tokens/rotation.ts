import type { Algorithm, KeyChange, KeyStore, StoredKey } from './key-store.ts'
import { generateKey, isOwn, type PrivateKey, storedKeyOf } from './new-key.ts'
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

/** What hears of each such change, where it was made. */
export type TellOfKey = (act: KeyAct) => Promise<void>

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
 * Does what is due now, each step only if nobody else has: of several replicas one makes each key and each change, and tells.
 * @param keys as they were just read
 * @returns whether there was anything to do, so that the keys are to be read again
 */
export async function advanceKeys(
  keys: readonly StoredKey[],
  { rotateMs, leadMs, keepMs }: RotationTimes,
  tools: RotationTools,
  tell: TellOfKey
): Promise<boolean> {
  const at = tools.now()
  const dead = keys.filter(({ state, retiredAt }) => state === 'retired' && at >= (retiredAt ?? at) + keepMs)
  for (const { kid } of dead) await tools.store.remove(kid)
  let changed = dead.length > 0
  for (const algorithm of tools.algorithms) {
    const current = keyIn(keys, algorithm, 'current')
    const next = keyIn(keys, algorithm, 'next')
    const act = await advanceKey(algorithm, { current, next }, { keys, tools, at, leadMs, rotateMs })
    if (act === undefined) continue
    changed = true
    if (act !== 'lost') await tell(act)
  }
  return changed
}

interface Present {
  readonly current: StoredKey | undefined
  readonly next: StoredKey | undefined
}

interface Now extends Pick<RotationTimes, 'leadMs' | 'rotateMs'> {
  readonly keys: readonly StoredKey[]
  readonly tools: RotationTools
  readonly at: number
}

/** The step that is due for one algorithm, if any; `lost` where somebody else made it. */
async function advanceKey(
  algorithm: Algorithm,
  { current, next }: Present,
  { keys, tools, at, leadMs, rotateMs }: Now
): Promise<KeyAct | 'lost' | undefined> {
  const make = async (state: 'current' | 'next', action: KeyAct['action']): Promise<KeyAct | 'lost'> => {
    const made = await addKey(await generateKey(algorithm), state, keys, tools)
    return made === undefined ? 'lost' : { action, kid: made.kid, algorithm }
  }
  if (current === undefined) return make('current', 'create')
  if (next !== undefined && at >= next.createdAt + leadMs) {
    const outcome = await tools.store.change(activation(current, next, at))
    return outcome === 'lost' ? 'lost' : { action: 'activate', kid: next.kid, algorithm, previous: current.kid }
  }
  return next === undefined && isDue(current, rotateMs, leadMs, at) ? make('next', 'publish') : undefined
}

const isDue = (current: StoredKey, rotateMs: number | false, leadMs: number, at: number): boolean =>
  rotateMs !== false && !isOwn(current) && at >= (current.activatedAt ?? current.createdAt) + rotateMs - leadMs

async function addKey(
  key: PrivateKey,
  state: 'current' | 'next',
  keys: readonly StoredKey[],
  { store, seal, now }: RotationTools
): Promise<StoredKey | undefined> {
  const stored = storedKeyOf(key, state, { keys, seal, at: now() })
  return (await store.add(stored)) === 'added' ? stored : undefined
}

/** One key takes over from another, whose private half nobody needs any longer. */
const activation = (current: StoredKey, next: StoredKey, at: number): KeyChange[] => [
  { kid: current.kid, from: 'current', set: { state: 'retired', retiredAt: at, sealed: '' } },
  { kid: next.kid, from: 'next', set: { state: 'current', activatedAt: at } }
]

/**
 * Publishes the next key, or makes it current at once.
 * @returns the key that was or already is published; `undefined` where somebody else changed the keys meanwhile
 */
export async function rotateKey(
  current: StoredKey,
  keys: readonly StoredKey[],
  tools: RotationTools,
  immediately: boolean
): Promise<StoredKey | undefined> {
  const published = keyIn(keys, current.algorithm, 'next')
  const next = published ?? (await addKey(await generateKey(current.algorithm), 'next', keys, tools))
  if (next === undefined || !immediately) return next
  return (await tools.store.change(activation(current, next, tools.now()))) === 'done' ? next : undefined
}

/**
 * Takes a key out of the key set, for good. Where it signs, the next one does from now on, or a new one.
 * @returns the key that signs in its place, if it was current; `lost` where somebody else changed the keys meanwhile
 */
export async function revokeKey(
  revoked: StoredKey,
  keys: readonly StoredKey[],
  { store, seal, algorithms, now }: RotationTools
): Promise<StoredKey | undefined | 'lost'> {
  const at = now()
  const change: KeyChange = {
    kid: revoked.kid,
    from: revoked.state,
    set: { state: 'revoked', retiredAt: at, sealed: '' }
  }
  if (revoked.state !== 'current' || !algorithms.includes(revoked.algorithm)) {
    return (await store.change([change])) === 'done' ? undefined : 'lost'
  }
  const next = keyIn(keys, revoked.algorithm, 'next')
  if (next !== undefined) {
    const activated: KeyChange = { kid: next.kid, from: 'next', set: { state: 'current', activatedAt: at } }
    return (await store.change([change, activated])) === 'done' ? next : 'lost'
  }
  const made = storedKeyOf(await generateKey(revoked.algorithm), 'current', { keys, seal, at })
  return (await store.change([change], made)) === 'done' ? made : 'lost'
}
