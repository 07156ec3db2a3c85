import { Command, CommanderError } from 'commander'
import { ConfigError } from '../config/config-error.ts'
import { Refusal } from '../errors.ts'
import { version } from '../version.ts'
import { addCheck } from './check.ts'
import { addExplain } from './explain.ts'
import { addLdap } from './ldap.ts'
import { addMigrate } from './migrate.ts'
import { Refused } from './refused.ts'
import { addServe } from './serve.ts'
import { addUsers } from './users.ts'

/** The exit codes of every command. */
export const exitCodes = { done: 0, refused: 1, usage: 2 } as const

/** Runs one command line (without node and script), and answers the exit code. */
export async function run(args: readonly string[]): Promise<number> {
  const program = new Command('latchkey')
    .description('An ordered chain of backends behind one token endpoint')
    .version(version)
    .option('--config <file>', 'the configuration (default: LATCHKEY_CONFIG, else latchkey.yaml, else none)')
    .showHelpAfterError('(latchkey --help tells more)')
    .exitOverride()
  for (const add of [addServe, addMigrate, addCheck, addExplain, addUsers, addLdap]) add(program)
  try {
    await program.parseAsync([...args], { from: 'user' })
    return exitCodes.done
  } catch (error) {
    return explain(error)
  }
}

function explain(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage
  if (error instanceof ConfigError || error instanceof Refused) return refuse(error.message)
  if (error instanceof Refusal) return refuse(`${error.description}${causeOf(error)}`)
  return refuse(error instanceof Error ? `${error.name}: ${error.message}${causeOf(error)}` : String(error))
}

function refuse(message: string): number {
  process.stderr.write(`${message}\n`)
  return exitCodes.refused
}

function causeOf({ cause }: Error): string {
  const text = cause instanceof Error ? cause.message : typeof cause === 'string' ? cause : ''
  return text === '' ? '' : `: ${text.split('\nparams:')[0]}`
}
