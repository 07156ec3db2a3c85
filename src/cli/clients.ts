import { type Command, InvalidArgumentError } from 'commander'
import type { ClientDone, ClientRefusal } from '../clients/administration.ts'
import { clientAdministrationOf } from '../config/clients.ts'
import type { Config } from '../config/config.ts'
import { milliseconds } from '../config/units.ts'
import { clientAsJson, clientLine, configuredAsJson, configuredLine } from './client-text.ts'
import { withStore } from './configuration.ts'
import { Refused } from './refused.ts'

interface CreateOptions {
  readonly grant: readonly string[]
  readonly audience: readonly string[]
  readonly backend: readonly string[]
  readonly permission: readonly string[]
  readonly chooseBackend?: boolean
  readonly json?: boolean
}

interface RotateOptions {
  /** Milliseconds. */
  readonly keep: number
  readonly json?: boolean
}

/** `latchkey clients …`: the services that call, in the database beside those of the configuration. */
export function addClients(program: Command): void {
  const clients = program.command('clients').description('the services that call')
  clients
    .command('create <id>')
    .description('register a client, and show its secret this once')
    .option('--grant <name>', 'what it may ask for; default: password and refresh_token (again and again)', collect, [])
    .option('--audience <id>', 'whom its tokens may be for, its default first (again and again)', collect, [])
    .option('--backend <id>', 'a backend that its users may log in at; default: all (again and again)', collect, [])
    .option('--choose-backend', 'may ask one backend only')
    .option('--permission <name>', 'its own, for client_credentials (again and again)', collect, [])
    .option('--json', 'print JSON')
    .action((id: string, options: CreateOptions, command: Command) => create(id, options, command))
  clients
    .command('list')
    .description('list the clients of the configuration and of the database, without their secrets')
    .option('--json', 'print JSON lines')
    .action(({ json }: { json?: boolean }, command: Command) =>
      withStore(command, async (store, config) => {
        for (const client of config.clients) write(json ? asLine(configuredAsJson(client)) : configuredLine(client))
        for (const client of await store.clients.all()) {
          if (!isConfigured(client.id, config)) write(json ? asLine(clientAsJson(client)) : clientLine(client))
        }
      })
    )
  clients
    .command('rotate-secret <id>')
    .description('make a new secret, and show it this once; the old one stays valid for a while')
    .option('--keep <duration>', 'how long the old one stays valid: 24h; 0: not at all', keepMs, milliseconds('24h'))
    .option('--json', 'print JSON')
    .action((id: string, options: RotateOptions, command: Command) => rotateSecret(id, options, command))
  clients
    .command('delete <id>')
    .description('delete a client; it is known nowhere within five seconds')
    .action((id: string, _options: object, command: Command) =>
      withStore(command, async ({ clients: store }, config) => {
        const deleted = await clientAdministrationOf(config, store).delete(id, operator)
        if (deleted.outcome !== 'done') throw refusedBy(deleted, id)
        write(`deleted ${id}\n`)
      })
    )
}

async function create(id: string, options: CreateOptions, command: Command): Promise<void> {
  await withStore(command, async ({ clients }, config) => {
    const created = await clientAdministrationOf(config, clients).create(id, definitionOf(options), operator)
    show(created, id, options)
  })
}

/** What was said, as the configuration would have it; what was not said is left to its defaults. */
function definitionOf({ grant, audience, backend, permission, chooseBackend }: CreateOptions): Record<string, unknown> {
  return {
    ...(grant.length > 0 ? { grants: [...grant] } : {}),
    ...(audience.length > 0 ? { audiences: [...audience] } : {}),
    ...(backend.length > 0 ? { backends: [...backend] } : {}),
    ...(permission.length > 0 ? { permissions: [...permission] } : {}),
    ...(chooseBackend ? { chooseBackend: true } : {})
  }
}

async function rotateSecret(id: string, { keep, json }: RotateOptions, command: Command): Promise<void> {
  await withStore(command, async ({ clients }, config) => {
    show(await clientAdministrationOf(config, clients).rotateSecret(id, keep, operator), id, { json })
  })
}

/** Whoever sits at the command line may hand out everything. */
const operator = { holds: () => true, mayEverything: true }

function show(done: ClientDone | ClientRefusal, id: string, { json }: { json?: boolean | undefined }): void {
  if (done.outcome !== 'done') throw refusedBy(done, id)
  const { secret, client } = done
  if (client.stored === undefined || secret === undefined) throw new Error('a client of the command line has a secret')
  if (json) {
    write(asLine({ ...clientAsJson(client.stored), secret }))
    return
  }
  const [, old] = client.stored.secrets
  write(`client_id      ${client.id}\nclient_secret  ${secret}\n`)
  process.stderr.write('keep the secret: it is not shown again\n')
  if (old?.expiresAt) process.stderr.write(`the old one is valid until ${new Date(old.expiresAt).toISOString()}\n`)
}

function refusedBy(refusal: ClientRefusal, id: string): Refused {
  switch (refusal.outcome) {
    case 'invalid':
      return new Refused(refusal.mistakes.map(({ path, message }) => `${path.join('.')}: ${message}`).join('\n'))
    case 'taken':
      return new Refused(`there is a client ${id} already`)
    case 'configured':
      return new Refused(`the client ${id} stands in the configuration: change it there`)
    case 'not-found':
      return new Refused(`there is no client ${JSON.stringify(id)}`)
    case 'no-secret':
      return new Refused(`the client ${id} has keys, or proves nothing: it has no secret`)
    case 'changed':
      return new Refused(`others change the client ${id} at this moment: try again`)
    case 'exchanges':
      return new Refused('only a superuser says which clients exchange the tokens of others')
    case 'not-held':
      return new Refused(`this needs ${refusal.permissions.join(', ')}`)
  }
}

const isConfigured = (id: string, { clients }: Config): boolean => clients.some((client) => client.id === id)

function keepMs(text: string): number {
  if (text === '0') return 0
  try {
    return milliseconds(text)
  } catch {
    throw new InvalidArgumentError('expected a duration such as 24h, or 0')
  }
}

const collect = (value: string, earlier: readonly string[]): readonly string[] => [...earlier, value]

const asLine = (value: unknown): string => `${JSON.stringify(value)}\n`

const write = (text: string): void => {
  process.stdout.write(text)
}
