import { canonicalEmail } from '../auth/email.ts'
import { loginName } from '../auth/names.ts'
import type { Named } from './foreign-source.ts'

/** With whom an account shares its e-mail or its login name, by their ids. */
export interface Ambiguity {
  readonly email: readonly string[]
  readonly username: readonly string[]
}

interface Claim {
  readonly id: string
  readonly as: 'email' | 'username'
  readonly key: string
}

/**
 * Finds accounts that would share an e-mail or a login name, among however many: eight bytes are kept for each name, and the
 * names themselves only of those that may be alike.
 * @param read the same accounts each time
 */
export async function findAmbiguities(
  read: () => AsyncIterable<readonly Named[]>
): Promise<ReadonlyMap<string, Ambiguity>> {
  const repeated = await repeatedHashes(read())
  if (repeated.size === 0) return new Map()
  const claims = new Map<string, Claim[]>()
  for await (const page of read())
    for (const claim of page.flatMap(claimsOf)) {
      if (!repeated.has(hashOf(claim.key))) continue
      const others = claims.get(claim.key) ?? []
      claims.set(claim.key, others)
      others.push(claim)
    }
  const found = new Map<string, { email: string[]; username: string[] }>()
  for (const group of claims.values())
    for (const { id, as } of group) {
      const others = rivals(group, id, as)
      if (others.length === 0) continue
      const ambiguity = found.get(id) ?? { email: [], username: [] }
      found.set(id, ambiguity)
      ambiguity[as].push(...others)
    }
  return found
}

/** A login name that reads as an address yields to whoever has that address, and never the other way round. */
const rivals = (group: readonly Claim[], mine: string, as: Claim['as']): string[] => [
  ...new Set(
    group
      .filter((other) => other.id !== mine && (as === 'username' || other.as === 'email'))
      .filter(({ as: other, key }) => !(as === 'username' && other === 'username' && key.startsWith('email:')))
      .map(({ id }) => id)
  )
]

function claimsOf({ id, email, username }: Named): Claim[] {
  const address = email === undefined ? undefined : canonicalEmail(email)
  const name = username === undefined ? undefined : loginName(username)
  const nameAsAddress = name === undefined ? undefined : canonicalEmail(name)
  return [
    ...(address === undefined ? [] : [{ id, as: 'email' as const, key: `email:${address}` }]),
    ...(name === undefined ? [] : [{ id, as: 'username' as const, key: `name:${name}` }]),
    ...(nameAsAddress === undefined || nameAsAddress === address
      ? []
      : [{ id, as: 'username' as const, key: `email:${nameAsAddress}` }])
  ]
}

async function repeatedHashes(pages: AsyncIterable<readonly Named[]>): Promise<Set<number>> {
  let hashes = new Float64Array(1024)
  let count = 0
  for await (const page of pages)
    for (const { key } of page.flatMap(claimsOf)) {
      if (count === hashes.length) {
        const more = new Float64Array(2 * count)
        more.set(hashes)
        hashes = more
      }
      hashes[count++] = hashOf(key)
    }
  const sorted = hashes.subarray(0, count).sort()
  return new Set(sorted.filter((hash, at) => hash === sorted[at - 1]))
}

/** 53 bits of no secret (cyrb53); who collides is compared by name afterwards. */
function hashOf(text: string): number {
  let [high, low] = [0xdeadbeef, 0x41c6ce57]
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    high = Math.imul(high ^ code, 2_654_435_761)
    low = Math.imul(low ^ code, 1_597_334_677)
  }
  high = Math.imul(high ^ (high >>> 16), 2_246_822_507) ^ Math.imul(low ^ (low >>> 13), 3_266_489_909)
  low = Math.imul(low ^ (low >>> 16), 2_246_822_507) ^ Math.imul(high ^ (high >>> 13), 3_266_489_909)
  return 4_294_967_296 * (2_097_151 & low) + (high >>> 0)
}
