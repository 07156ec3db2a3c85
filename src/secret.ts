import { randomBytes, randomUUID } from 'node:crypto'
import { link, open, readFile, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Config } from './config/config.ts'
import type { Store } from './store/index.ts'

/** The secrets of the configuration, the newest first; with SQLite the one beside the database where there are none. */
export async function secretsOf({ secrets, database }: Config, { keys }: Store): Promise<readonly string[]> {
  if (secrets.length > 0 || database.dialect !== 'sqlite') return secrets
  return [await keptSecret(dirname(database.file), (await keys.all()).length === 0)]
}

/**
 * The service's secret beside an embedded database: made at the first start, readable by its owner only, and there as a
 * whole or not at all. Of two processes that start at once, one makes it.
 * @param isNew whether nothing was sealed yet: a secret that was lost is not made anew, for it would open nothing
 */
async function keptSecret(folder: string, isNew: boolean): Promise<string> {
  const path = join(folder, 'secret')
  const secret = (await readIfThere(path)) ?? (isNew ? await make(folder, path) : undefined)
  if (secret === undefined) {
    throw new Error(
      `${path} is missing: the signing keys in the database were sealed with it. Bring it back from a backup`
    )
  }
  if (secret.length < 32) throw new Error(`${path} is damaged: it must hold a secret of at least 32 characters`)
  return secret
}

async function make(folder: string, path: string): Promise<string> {
  const draft = join(folder, `.secret-${randomUUID()}`)
  const file = await open(draft, 'wx', 0o600)
  try {
    await file.writeFile(`${randomBytes(32).toString('base64url')}\n`)
    await file.sync()
    await link(draft, path).catch(unlessThere)
  } finally {
    await file.close()
    await unlink(draft)
  }
  return (await readFile(path, 'utf8')).trim()
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim()
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined
    throw error
  }
}

function unlessThere(error: unknown): void {
  if (!hasCode(error, 'EEXIST')) throw error
}

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code
