import { randomFillSync } from 'node:crypto'
import { v7 } from 'uuid'

const idBytes = 16
const pool = Buffer.alloc(64 * idBytes)
let used = pool.length
let msecs = 0
let seq = 0

/**
 * A UUIDv7 in lower case (RFC 9562 5.7); each is greater than those that this process made before. Random bytes come many at
 * a time: asking for those of one takes as long as a look into the database.
 */
export function newId(): string {
  const random = randomBytes()
  const now = Date.now()
  if (now > msecs) {
    msecs = now
    // two of its 32 bits are left for those of the same millisecond
    seq = random.readUInt32BE(0) >>> 2
  } else {
    seq += 1
  }
  return v7({ random, msecs, seq })
}

function randomBytes(): Buffer {
  if (used === pool.length) {
    randomFillSync(pool)
    used = 0
  }
  used += idBytes
  return pool.subarray(used - idBytes, used)
}
