import type { Log } from '../auth/ports.ts'
import type { Algorithm, StoredKey } from './key-store.ts'
import { generateKey, isOwn, type PrivateKey, storedKeyOf } from './new-key.ts'
import { type CommitKeyAct, type KeyStep, keyIn, type RotationTools } from './rotation.ts'

/**
 * Brings the keys of the configuration among the others, at a start: one that is new is published, and signs when its time
 * has come, or at once where nothing has signed yet; one that left is replaced likewise. Done at starts only, so that
 * replicas with the old and the new configuration don't undo each other's work.
 */
export async function applyOwnKeys(
  keys: readonly StoredKey[],
  own: readonly PrivateKey[],
  tools: RotationTools,
  { log, commit }: { readonly log: Log; readonly commit: CommitKeyAct }
): Promise<void> {
  for (const algorithm of new Set([...tools.algorithms, ...keys.map((key) => key.algorithm)])) {
    const configured = own.find((key) => key.algorithm === algorithm)
    const usable = configured && !isRevoked(configured, keys, tools, log) ? configured : undefined
    for (const { act, write } of await stepsFor(keys, algorithm, usable, tools))
      if ((await commit(act, tools.store.pending(write))) === 'lost') break
  }
}

function isRevoked(key: PrivateKey, keys: readonly StoredKey[], tools: RotationTools, log: Log): boolean {
  const { kid } = storedKeyOf(key, 'next', { keys, seal: tools.seal, at: 0 })
  const revoked = keys.some((other) => other.kid === kid && other.state === 'revoked')
  if (revoked) log.error({ event: 'own_key_revoked', kid }, 'a key of the configuration was revoked, and is not used')
  return revoked
}

/** What is to be done for one algorithm, each step if the one before was not lost to another replica. */
async function stepsFor(
  keys: readonly StoredKey[],
  algorithm: Algorithm,
  configured: PrivateKey | undefined,
  { seal, now }: RotationTools
): Promise<readonly KeyStep[]> {
  const at = now()
  const current = keyIn(keys, algorithm, 'current')
  const next = keyIn(keys, algorithm, 'next')
  const withdrawn = next === undefined ? [] : [withdrawal(next, at)]
  if (configured === undefined) {
    const isLeaving = current !== undefined && isOwn(current)
    const isWithdrawn = next !== undefined && isOwn(next)
    const isReplaced = next !== undefined && !isWithdrawn
    if (!isWithdrawn && (!isLeaving || isReplaced)) return []
    const made = isLeaving ? [storedKeyOf(await generateKey(algorithm), 'next', { keys, seal, at })] : []
    return [...(isWithdrawn ? withdrawn : []), ...made.map((key) => publication(key, keys))]
  }
  const wanted = storedKeyOf(configured, current === undefined ? 'current' : 'next', { keys, seal, at })
  if (current?.kid === wanted.kid) return withdrawn
  if (next?.kid === wanted.kid) return []
  return [...withdrawn, publication(wanted, keys)]
}

/** A published key that will not sign: still published a while, for whoever has it is not disturbed. */
const withdrawal = (key: StoredKey, at: number): KeyStep => ({
  act: { action: 'withdraw', kid: key.kid, algorithm: key.algorithm },
  write: { changes: [{ key, set: { state: 'retired', retiredAt: at, sealed: '' } }] }
})

/** A key that is new, or left the configuration and came back before it was forgotten. */
function publication(key: StoredKey, keys: readonly StoredKey[]): KeyStep {
  const { kid, algorithm, ...set } = key
  const action = key.state === 'current' ? 'create' : 'publish'
  const known = keys.find((other) => other.kid === kid)
  return { act: { action, kid, algorithm }, write: known ? { changes: [{ key: known, set }] } : { added: [key] } }
}
