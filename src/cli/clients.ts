import { type Command, InvalidArgumentError } from 'commander'
import { publicClientId } from '../clients/client.ts'
import type { ClientStore, StoredClient } from '../clients/client-store.ts'
import { createSecret, rotated, storedSecret } from '../clients/secret.ts'
import { ClientId } from '../config/client-schema.ts'
import { definitionMistakes } from '../config/clients.ts'
import type { Config } from '../config/config.ts'
import { milliseconds } from '../config/units.ts'
import { check } from '../schema/check.ts'
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
        refuseConfigured(id, config)
        if (!(await store.delete(id))) throw notThere(id)
        write(`deleted ${id}\n`)
      })
    )
}

async function create(id: string, options: CreateOptions, command: Command): Promise<void> {
  if (!check(ClientId, id) || id.length > 128 || id === publicClientId)
    throw new Refused(
      `${JSON.stringify(id)} is no id for a client: expected printable ASCII without spaces, 128 at most`
    )
  const definition = definitionOf(options)
  const mistakes = definitionMistakes(definition)
  if (mistakes.length > 0) throw new Refused(mistakes.join('\n'))
  await withStore(command, async ({ clients }, config) => {
    refuseConfigured(id, config)
    refuseUnknown(options, config)
    const [secret, at] = [createSecret(), Date.now()]
    const client = { id, definition, secrets: [storedSecret(secret, at)], createdAt: at, updatedAt: at }
    if ((await clients.create(client)) === 'taken') throw new Refused(`there is a client ${id} already`)
    show(client, secret, options)
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
    refuseConfigured(id, config)
    const secret = createSecret()
    const client = await replaced(id, clients, (old) => rotated(old.secrets, secret, Date.now(), keep))
    show(client, secret, { json })
  })
}

/** Writes secrets that come of those that are there, again where somebody else changed them meanwhile. */
async function replaced(
  id: string,
  clients: ClientStore,
  next: (client: StoredClient) => StoredClient['secrets']
): Promise<StoredClient> {
  for (let tries = 0; tries < 5; tries++) {
    const client = await clients.byId(id)
    if (client === undefined) throw notThere(id)
    const secrets = next(client)
    if (await clients.replaceSecrets(client, secrets, Date.now())) return { ...client, secrets }
  }
  throw new Refused(`others change the client ${id} at this moment: try again`)
}

function show(client: StoredClient, secret: string, { json }: { json?: boolean | undefined }): void {
  if (json) {
    write(asLine({ ...clientAsJson(client), secret }))
    return
  }
  const [, old] = client.secrets
  write(`client_id      ${client.id}\nclient_secret  ${secret}\n`)
  process.stderr.write('keep the secret: it is not shown again\n')
  if (old?.expiresAt) process.stderr.write(`the old one is valid until ${new Date(old.expiresAt).toISOString()}\n`)
}

function refuseUnknown({ audience, backend }: CreateOptions, config: Config): void {
  const lists = [
    { names: audience, known: config.audiences.map(({ id }) => id), what: 'audience' },
    { names: backend, known: config.backends.map(({ policy }) => policy.id), what: 'backend' }
  ]
  for (const { names, known, what } of lists) {
    const unknown = names.find((name) => !known.includes(name))
    if (unknown !== undefined) throw new Refused(`no ${what} has the id ${JSON.stringify(unknown)}`)
  }
}

const isConfigured = (id: string, { clients }: Config): boolean => clients.some((client) => client.id === id)

function refuseConfigured(id: string, config: Config): void {
  if (isConfigured(id, config)) throw new Refused(`the client ${id} stands in the configuration: change it there`)
}

const notThere = (id: string): Refused => new Refused(`there is no client ${JSON.stringify(id)}`)

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
