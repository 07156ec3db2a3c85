import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Log } from './auth/ports.ts'
import type { Config } from './config/config.ts'
import { openStore, type Store } from './store/index.ts'
import { subscribersOf } from './webhooks.ts'

async function openDatabase({ database }: Config, log: Log): Promise<Store> {
  if (database.dialect === 'mysql') return openStore({ ...database, log })
  await mkdir(dirname(database.file), { recursive: true, mode: 0o700 })
  return openStore({ url: `file:${database.file}`, log })
}

/** Opens our own database alone, its folder made where it is a file of ours. */
export async function openStoreOf(config: Config, log: Log): Promise<Store> {
  const store = await openDatabase(config, log)
  store.outbox.subscribe(subscribersOf(config))
  return store
}
