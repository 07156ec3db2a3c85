import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { hash } from '@node-rs/argon2'
import { openStore } from '../src/store/index.ts'

const silent = { debug() {}, info() {}, warn() {}, error() {} }

/** Writes users with one password into the embedded database of a folder; answers their addresses. */
export async function seedUsers(
  folder: string,
  { users, password }: { users: number; password: string }
): Promise<string[]> {
  await mkdir(join(folder, 'data'), { recursive: true, mode: 0o700 })
  const store = await openStore({ url: `file:${join(folder, 'data/latchkey.db')}`, log: silent })
  const passwordHash = await hash(password, { memoryCost: 19456, timeCost: 2, parallelism: 1 })
  const emails = Array.from({ length: users }, (_, at) => `user${at}@example.com`)
  for (const email of emails) {
    const fields = {
      emailVouched: true,
      attributes: {},
      ownAttributes: {},
      isSuperuser: false,
      lastLoginAt: null,
      at: 1
    }
    await store.users.create({ email, passwordHash, ...fields })
  }
  await store.close()
  return emails
}
