import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Log } from './auth/ports.ts'
import type { Config } from './config/config.ts'
import { openStore, type Store, type StoreOptions } from './store/index.ts'
import { pauseDisabled, subscribersOf } from './webhooks.ts'

type Options = Pick<StoreOptions, 'mapFrom'>

async function openDatabase({ database }: Config, log: Log, options: Options): Promise<Store> {
  if (database.dialect === 'mysql') return openStore({ ...options, ...database, log })
  await mkdir(dirname(database.file), { recursive: true, mode: 0o700 })
  return openStore({ ...options, url: `file:${database.file}`, log })
}

/** Opens our own database alone, its folder made where it is a file of ours. */
export async function openStoreOf(config: Config, log: Log, options: Options = {}): Promise<Store> {
  const store = await openDatabase(config, log, options)
  try {
    store.outbox.subscribe(subscribersOf(config))
    await pauseDisabled(config, store)
    return store
  } catch (error) {
    await store.close()
    throw error
  }
}
