import type { Command } from 'commander'
import { backendDefinitions as definitions } from '../backends/index.ts'
import type { Config } from '../config/config.ts'
import { readConfig } from '../config/read-config.ts'
import { openLog } from '../log.ts'
import { openStoreOf } from '../open-store.ts'
import type { Store } from '../store/index.ts'
import { asConsole, type RecordSuccess } from './console-act.ts'

/** The configuration that this command line is for. @throws {ConfigError} */
export function configOf(command: Command): Promise<Config> {
  const { config } = command.optsWithGlobals<{ config?: string }>()
  return readConfig({ path: config, env: process.env, definitions })
}

/** The same without what only a service needs: nothing is traced, and counted with nobody. */
export function onlyHere({ limits: { ip, account }, ...config }: Config): Config {
  return { ...config, telemetry: undefined, limits: { ip, account } }
}

/** Works on the database alone, also beside a running server; acts are audited, warnings and errors go to standard error. */
export async function withStore<Result>(
  command: Command,
  work: (store: Store, config: Config, recordSuccess: RecordSuccess) => Promise<Result>
): Promise<Result> {
  const config = await configOf(command)
  const log = await openLog('warn', { stream: process.stderr })
  const store = await openStoreOf(config, log)
  try {
    return await asConsole(command, { store, log }, (recordSuccess) => work(store, config, recordSuccess))
  } finally {
    await store.close()
  }
}
