import { type Command, InvalidArgumentError, Option } from 'commander'
import type { ClientAdministration, ClientDone, ClientRefusal } from '../clients/administration.ts'
import { clientAdministrationOf } from '../config/clients.ts'
import type { Config } from '../config/config.ts'
import { milliseconds } from '../config/units.ts'
import { asLine, write } from './administration.ts'
import { addDefinition, type DefinitionOptions, definitionOf } from './client-options.ts'
import { clientAsJson, clientLine, configuredAsJson, configuredLine } from './client-text.ts'
import { withStore } from './configuration.ts'
import { Misused, nothingNamed, Refused } from './refused.ts'

interface CreateOptions extends DefinitionOptions {
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
  addDefinition(clients.command('create <id>'))
    .description('register a client, and show its secret, where it has one, this once')
    .option('--json', 'print JSON')
    .action((id: string, options: CreateOptions, command: Command) => create(id, options, command))
  addDefinition(clients.command('change <id>'))
    .description('change what is named of a client; an empty value takes it back to its default')
    .option('--no-choose-backend', 'may not ask one backend only')
    .option('--json', 'print JSON')
    .action((id: string, options: CreateOptions, command: Command) => change(id, options, command))
  clients
    .command('list')
    .description('list the clients of the configuration and of the database, without their secrets')
    .option('--search <prefix>', 'whose id begins so')
    .option('--json', 'print JSON lines')
    .action(({ search = '', json }: { search?: string; json?: boolean }, command: Command) =>
      withStore(command, async (store, config) => {
        const isWanted = ({ id }: { readonly id: string }): boolean => id.startsWith(search)
        for (const client of config.clients.filter(isWanted)) {
          write(json ? asLine(configuredAsJson(client)) : configuredLine(client))
        }
        for (const client of (await store.clients.all()).filter(isWanted)) {
          if (!isConfigured(client.id, config)) write(json ? asLine(clientAsJson(client)) : clientLine(client))
        }
      })
    )
  clients
    .command('rotate-secret <id>')
    .description('make a new secret, and show it this once; the old one stays valid for a while')
    .addOption(keepOption())
    .option('--json', 'print JSON')
    .action((id: string, options: RotateOptions, command: Command) => rotateSecret(id, options, command))
  clients
    .command('delete <id>')
    .description('delete a client; it is known nowhere within five seconds')
    .option('--json', 'print JSON')
    .action((id: string, { json }: { json?: boolean }, command: Command) =>
      withStore(command, async ({ clients: store }, config) => {
        const deleted = await clientAdministrationOf(config, store).delete(id, operator)
        if (deleted.outcome !== 'done') throw refusedBy(deleted, id)
        write(json ? asLine({ id }) : `deleted ${id}\n`)
      })
    )
}

const keepOption = (): Option =>
  new Option('--keep <duration>', 'how long the old one stays valid; 0: not at all')
    .argParser(keepMs)
    .default(milliseconds('24h'), '24h')

async function create(id: string, options: CreateOptions, command: Command): Promise<void> {
  const definition = withoutNulls(await definitionOf(options))
  const created = await withClients(command, (clients) => clients.create(id, definition, operator), id)
  show(created, options)
}

async function change(id: string, options: CreateOptions, command: Command): Promise<void> {
  const definition = await definitionOf(options)
  if (Object.keys(definition).length === 0) throw new Misused(nothingNamed)
  const { client } = await withClients(command, (clients) => clients.change(id, definition, operator), id)
  if (client.stored) write(options.json ? asLine(clientAsJson(client.stored)) : `changed ${clientLine(client.stored)}`)
}

const withoutNulls = (definition: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(definition).filter(([, value]) => value !== null))

async function rotateSecret(id: string, { keep, json }: RotateOptions, command: Command): Promise<void> {
  const rotated = await withClients(command, (clients) => clients.rotateSecret(id, keep, operator), id)
  show(rotated, { json })
}

/** Nobody sees a secret before it is written down that it was made. @throws {Refused} */
const withClients = (
  command: Command,
  work: (clients: ClientAdministration) => Promise<ClientDone | ClientRefusal>,
  id: string
): Promise<ClientDone> =>
  withStore(command, async ({ clients }, config) => {
    const done = await work(clientAdministrationOf(config, clients))
    if (done.outcome !== 'done') throw refusedBy(done, id)
    return done
  })

/** Whoever sits at the command line may hand out everything. */
const operator = { holds: () => true, mayEverything: true }

function show({ secret, client }: ClientDone, { json }: { json?: boolean | undefined }): void {
  const { stored } = client
  if (stored === undefined) throw new Error('a client of the command line is in the database')
  if (json) {
    write(asLine({ ...clientAsJson(stored), ...(secret === undefined ? {} : { secret }) }))
    return
  }
  const [, old] = stored.secrets
  write(`client_id      ${client.id}\n${secret === undefined ? '' : `client_secret  ${secret}\n`}`)
  if (secret !== undefined) process.stderr.write('keep the secret: it is not shown again\n')
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
    case 'asks-private':
      return new Refused('only a superuser says which private addresses are asked for keys')
    case 'hands-on':
      return new Refused('only a superuser says which clients hand on the addresses of others')
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
