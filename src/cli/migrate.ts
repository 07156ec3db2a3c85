import type { Command } from 'commander'
import { withStore } from './configuration.ts'

/** `latchkey migrate`: brings the database's tables up to date, as every start does. */
export async function migrate(command: Command): Promise<void> {
  await withStore(command, (store) => store.ping())
  process.stdout.write('the database is up to date\n')
}
