import { Command, CommanderError, Help, Option } from 'commander'
import { causeText } from '../cause-text.ts'
import { ConfigError } from '../config/config-error.ts'
import { AlreadyExists, Refusal } from '../errors.ts'
import { version } from '../version.ts'
import { collect } from './administration.ts'
import { addAudit } from './audit.ts'
import type { CheckOptions } from './check.ts'
import { addClients } from './clients.ts'
import type { ExplainOptions } from './explain.ts'
import { addGroups } from './groups.ts'
import { addImport } from './import.ts'
import { addKeys, withDashedKeys } from './keys.ts'
import type { SyncOptions } from './ldap.ts'
import { percentage } from './percentage.ts'
import { addPermissions } from './permissions.ts'
import { Misused, Refused } from './refused.ts'
import { addSessions } from './sessions.ts'
import { addUsers } from './users.ts'
import { addWebhooks } from './webhooks.ts'

/** The exit codes of every command. */
const exitCodes = { done: 0, refused: 1, usage: 2 } as const

/** Runs one command line (without node and script), and answers the exit code. @param prepare sees all commands before */
export async function run(args: readonly string[], prepare: (program: Command) => void = () => {}): Promise<number> {
  try {
    const program = createProgram()
    prepare(program)
    await program.parseAsync(withDashedKeys(args), { from: 'user' })
    return exitCodes.done
  } catch (error) {
    return explain(error)
  }
}

const moreHelp = '(latchkey --help tells more)'

/** That an option which may come again and again is there no time by default need not be said. */
const withoutEmptyList = (option: Option): string => new Help().optionDescription(option).replace(' (default: [])', '')

/** All commands, of which none has run. */
export function createProgram(): Command {
  const program = new Command('latchkey')
    .description('An ordered chain of backends behind one token endpoint')
    .version(version)
    .option('--config <file>', 'the configuration (default: LATCHKEY_CONFIG, else latchkey.yaml, else none)')
    .showHelpAfterError(moreHelp)
    .configureHelp({ optionDescription: withoutEmptyList })
    .exitOverride()
  addCommands(program)
  return program
}

const tokenTypes = ['jwt', 'id_token', 'access_token']

/** Each loads what it works with when it is called: nobody who lists users waits for the server. */
function addCommands(program: Command): void {
  program
    .command('serve')
    .description('serve HTTP until SIGTERM or SIGINT')
    .action(async (_options: object, command: Command) => (await import('./serve.ts')).serve(command))
  program
    .command('reload')
    .description('let the running server read its configuration again')
    .action(async (_options: object, command: Command) => (await import('./reload.ts')).reload(command))
  program
    .command('migrate')
    .description("bring the database's tables up to date")
    .action(async (_options: object, command: Command) => (await import('./migrate.ts')).migrate(command))
  program
    .command('check')
    .description('check the configuration, and whether the database, Redis and each backend answer')
    .option('--schema', 'print the JSON Schema of the configuration, for editors')
    .option('--json', 'print JSON')
    .action(async (options: CheckOptions, command: Command) => (await import('./check.ts')).check(options, command))
  program
    .command('explain [username]')
    .description('ask every backend in turn, and tell what it did and what a token would hold')
    .option('--backend <id>', 'ask this backend only')
    .option('--password-stdin', 'try the password on standard input; without it accounts are looked up only')
    .option('--token-stdin', 'try the token of another issuer on standard input')
    .addOption(new Option('--token-type <type>', 'as what it is presented; default: jwt').choices(tokenTypes))
    .option('--header <name=value>', 'try what a proxy would send, again and again', collect, [])
    .option('--headers-stdin', 'the same, a line of "Name: value" each, on standard input')
    .option('--ip <address>', 'as if the call came from there (default: 127.0.0.1)')
    .option('--permission <name>', 'tell whether this permission would be held, and why')
    .option('--object <type:id>', 'on this object, with --permission')
    .option('--json', 'print JSON')
    .action(async (username: string | undefined, options: ExplainOptions, command: Command) =>
      (await import('./explain.ts')).explain(username, options, command)
    )
  addUsers(program)
  addGroups(program)
  addPermissions(program)
  addClients(program)
  addKeys(program)
  addSessions(program)
  addWebhooks(program)
  addAudit(program)
  addLdap(program)
  addImport(program)
}

function addLdap(program: Command): void {
  program
    .command('ldap')
    .description('work with a directory')
    .command('sync <backend>')
    .description('bring everybody whom a backend lets in into the database, and deactivate those who are gone')
    .option('--dry-run', 'tell what would be done, and do nothing')
    .addOption(
      new Option('--max-change <part>', 'deactivate nobody where more of the known users would be')
        .argParser(percentage)
        .default(0.1, '10%')
    )
    .option('--json', 'print JSON')
    .action(async (backend: string, options: SyncOptions, command: Command) =>
      (await import('./ldap.ts')).sync(backend, options, command)
    )
}

function explain(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage
  if (error instanceof Misused) return refuse(`error: ${error.message}\n${moreHelp}`, exitCodes.usage)
  if (error instanceof ConfigError || error instanceof Refused) return refuse(error.message)
  if (error instanceof AlreadyExists) return refuse(error.description)
  if (error instanceof Refusal) return refuse(`${error.description}${causeText(error)}`)
  return refuse(error instanceof Error ? `${error.name}: ${error.message}${causeText(error)}` : String(error))
}

function refuse(message: string, code: number = exitCodes.refused): number {
  process.stderr.write(`${message}\n`)
  return code
}
