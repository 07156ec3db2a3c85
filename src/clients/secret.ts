import { hash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { StoredSecret } from './client-store.ts'

/** A new secret of 256 bits, base64url; it is shown once and kept as its digest. */
export const createSecret = (): string => randomBytes(32).toString('base64url')

/** A secret as it is kept: SHA-256, base64url. */
export const digestOf = (secret: string): string => hash('sha256', secret, 'base64url')

/** A secret as it is kept, valid until it is replaced. */
export const storedSecret = (secret: string, at: number): StoredSecret => ({
  hash: digestOf(secret),
  createdAt: at,
  expiresAt: null
})

const nobodys: StoredSecret = storedSecret(createSecret(), 0)

/** Whether a text is one of the secrets that are valid, in the same time whatever it is and whether there are any. */
export function matchesSecret(presented: string, secrets: readonly StoredSecret[], at: number): boolean {
  const digest = Buffer.from(digestOf(presented))
  const matching = (secrets.length > 0 ? secrets : [nobodys]).filter(({ hash: kept, expiresAt }) => {
    const stored = Buffer.from(kept)
    const isSame = stored.length === digest.length && timingSafeEqual(stored, digest)
    return isSame && (expiresAt === null || at < expiresAt)
  })
  return matching.length > 0 && secrets.length > 0
}

/** The new secret, and the newest of the old ones for so long as it is kept. */
export function rotated(old: readonly StoredSecret[], secret: string, at: number, keepMs: number): StoredSecret[] {
  const kept = old.filter(({ expiresAt }) => expiresAt === null || at < expiresAt).slice(0, 1)
  const until = at + keepMs
  return [
    storedSecret(secret, at),
    ...kept.map((one) => ({ ...one, expiresAt: Math.min(one.expiresAt ?? until, until) })).filter(() => keepMs > 0)
  ]
}
