import type { Command } from 'commander'
import { withStore } from './configuration.ts'

/** `latchkey migrate`: brings the database's tables up to date, as every start does. */
export function addMigrate(program: Command): void {
  program
    .command('migrate')
    .description("bring the database's tables up to date")
    .action(async (_options: object, command: Command) => {
      await withStore(command, (store) => store.ping())
      process.stdout.write('the database is up to date\n')
    })
}
