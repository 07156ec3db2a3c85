import type { Command } from 'commander'
import { type EndpointView, endpointViews } from '../webhooks/administration.ts'
import { type Delivery, type DeliveryList, deliveryAsJson } from '../webhooks/delivery-store.ts'
import { asLine, write } from './administration.ts'
import { withStore } from './configuration.ts'
import { Misused, Refused } from './refused.ts'

/** `latchkey webhooks …`: who is told of what happens, and what could not be delivered. */
export function addWebhooks(program: Command): void {
  const webhooks = program.command('webhooks').description('whom the service tells of what happens')
  webhooks
    .command('list')
    .description('list the webhooks, with how many events wait, were delivered or given up')
    .option('--search <prefix>', 'whose id begins so')
    .option('--json', 'print JSON lines')
    .action((options: Format & { search?: string }, command: Command) => list(options, command))
  webhooks
    .command('dead')
    .description('list the events that were given up')
    .option('--webhook <id>', 'of this webhook')
    .option('--json', 'print JSON lines, with what was to be posted')
    .action((options: Which & Format, command: Command) => dead(options, command))
  webhooks
    .command('retry [delivery...]')
    .description('deliver events anew, by the ids of deliveries, or with --all all that were given up')
    .option('--all', 'all that were given up')
    .option('--webhook <id>', 'of these, those of this webhook')
    .action((ids: readonly string[], options: Which, command: Command) =>
      change(ids, options, command, 'retried', (deliveries, some) => deliveries.retry(some, Date.now()))
    )
  webhooks
    .command('delete [delivery...]')
    .description('forget events, by the ids of deliveries, or with --all all that were given up')
    .option('--all', 'all that were given up')
    .option('--webhook <id>', 'of these, those of this webhook')
    .action((ids: readonly string[], options: Which, command: Command) =>
      change(ids, options, command, 'deleted', (deliveries, some) => deliveries.delete(some))
    )
  webhooks
    .command('enable <webhook>')
    .description('tell a webhook again that asked for no more')
    .action((id: string, _options: object, command: Command) => enable(id, command))
}

interface Format {
  readonly json?: boolean
}

interface Which {
  readonly webhook?: string
  readonly all?: boolean
}

const batch = 500

async function list({ search = '', json }: Format & { search?: string }, command: Command): Promise<void> {
  await withStore(command, async ({ deliveries }, { webhooks: endpoints }) => {
    const views = await endpointViews({ endpoints, deliveries })
    for (const view of views.filter(({ id }) => id.startsWith(search))) write(json ? asLine(view) : viewLine(view))
  })
}

async function dead({ webhook, json }: Which & Format, command: Command): Promise<void> {
  await withStore(command, async ({ deliveries }) => {
    for await (const some of deadOnes(deliveries, webhook))
      for (const delivery of some) write(json ? asLine(deliveryAsJson(delivery)) : deliveryLine(delivery))
  })
}

async function change(
  ids: readonly string[],
  { all = false, webhook }: Which,
  command: Command,
  done: string,
  work: (deliveries: DeliveryList, ids: readonly string[]) => Promise<number>
): Promise<void> {
  if (all === ids.length > 0) throw new Misused('name deliveries by their ids, or all that were given up with --all')
  if (webhook !== undefined && !all) throw new Misused('--webhook goes with --all')
  const count = await withStore(command, async ({ deliveries }) => {
    if (!all) return work(deliveries, ids)
    let sum = 0
    for await (const some of deadOnes(deliveries, webhook)) sum += await work(deliveries, some.map(idOf))
    return sum
  })
  write(`${done} ${count}\n`)
  if (count < ids.length) throw new Refused(`${ids.length - count} of them are not there, or wait for a try already`)
}

async function enable(id: string, command: Command): Promise<void> {
  await withStore(command, async ({ deliveries }) => {
    if (!(await deliveries.enable(id))) throw new Refused(`no webhook ${JSON.stringify(id)} is disabled`)
    write(`enabled ${id}\n`)
  })
}

async function* deadOnes(deliveries: DeliveryList, endpoint: string | undefined): AsyncGenerator<readonly Delivery[]> {
  let cursor: string | undefined
  do {
    const some = await deliveries.list({ state: 'dead', endpoint, cursor, limit: batch })
    yield some
    cursor = some.length === batch ? some.at(-1)?.id : undefined
  } while (cursor !== undefined)
}

const idOf = ({ id }: Delivery): string => id

const viewLine = ({ id, origin, disabled, waiting, delivered, dead }: EndpointView): string =>
  `${[
    ...[id, origin ?? 'not in the configuration', ...(disabled ? ['disabled'] : [])],
    ...[`${waiting} waiting`, `${delivered} delivered`, `${dead} dead`]
  ].join('  ')}\n`

const deliveryLine = ({ id, endpoint, type, attempts, lastStatus, lastError, createdAt }: Delivery): string =>
  `${[id, endpoint, type, `${attempts} tries`, lastError ?? '', lastStatus ?? '', new Date(createdAt).toISOString()]
    .filter((word) => word !== '')
    .join('  ')}\n`
