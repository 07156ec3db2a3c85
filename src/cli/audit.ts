import { type Command, InvalidArgumentError, Option } from 'commander'
import { written } from '../audit/audit.ts'
import { type AuditEvent, type AuditFilter, type AuditKind, auditKinds } from '../auth/audit.ts'
import { momentOf } from '../auth/moment.ts'
import { milliseconds } from '../config/units.ts'
import type { Store } from '../store/index.ts'
import { lookUp } from './administration.ts'
import { withStore } from './configuration.ts'
import { Refused } from './refused.ts'
import { printable } from './steps.ts'

interface AuditOptions {
  readonly user?: string
  readonly actor?: string
  readonly client?: string
  readonly kind?: AuditKind
  readonly search?: string
  /** Epoch milliseconds. */
  readonly since?: number
  readonly until?: number
  readonly limit: number
  readonly json?: boolean
}

const pageSize = 500

/** `latchkey audit`: who did what, newest first. */
export function addAudit(program: Command): void {
  program
    .command('audit')
    .description('what was done, by whom and from where, newest first')
    .option('--user <user>', 'of the account of this user, by e-mail, login name or id')
    .option('--actor <user>', 'done to others by this user, by console or by service')
    .option('--client <id>', 'through this client')
    .addOption(new Option('--kind <kind>', 'of this kind').choices(auditKinds))
    .option('--search <prefix>', 'whose login name at the backend begins so')
    .option('--since <time>', 'not before: 2026-01-31, 2026-01-31T12:00:00Z, or how long ago: 24h', timeOf)
    .option('--until <time>', 'not after, written likewise', timeOf)
    .option('--limit <count>', 'so many at most', countOf, 50)
    .option('--json', 'print JSON lines')
    .action((options: AuditOptions, command: Command) =>
      withStore(command, async (store) => {
        for await (const event of eventsOf(store, options)) {
          process.stdout.write(options.json ? `${JSON.stringify(asJson(event))}\n` : lineOf(event))
        }
      })
    )
}

async function* eventsOf(store: Store, options: AuditOptions): AsyncGenerator<AuditEvent> {
  const filter = await filterOf(options, store)
  let left = options.limit
  let cursor: string | null | undefined
  while (left > 0 && cursor !== null) {
    const page = await store.audit.find({
      ...filter,
      ...(cursor === undefined ? {} : { cursor }),
      limit: Math.min(left, pageSize)
    })
    yield* page.items
    left -= page.items.length
    cursor = page.next
  }
}

async function filterOf(
  { user, actor, client, kind, search, since, until }: AuditOptions,
  store: Store
): Promise<Omit<AuditFilter, 'limit'>> {
  return {
    ...(user === undefined ? {} : { user: await userId(user, store) }),
    ...(actor === undefined ? {} : { actor: nobody.includes(actor) ? actor : await userId(actor, store) }),
    ...(client === undefined ? {} : { client }),
    ...(kind === undefined ? {} : { kind }),
    ...(search === undefined ? {} : { search }),
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until })
  }
}

/** Who acts, and is no user. */
const nobody = ['console', 'service']

/** Events outlive their user, who is then known by id alone. */
async function userId(name: string, store: Store): Promise<string> {
  if (/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(name)) return name.toLowerCase()
  const user = await lookUp(name, store)
  if (!user) throw new Refused(`there is no user ${JSON.stringify(name)}: ask by id`)
  return user.id
}

function lineOf(event: AuditEvent): string {
  const { at, kind, outcome, reason, action, target, username, user, backend, client, ip, actor, request } = event
  const parts = [
    ...[new Date(at).toISOString(), kind, outcome, reason, action, target, username ?? user],
    ...[backend && `backend ${backend}`, client && `client ${client}`, ip && `from ${ip}`],
    ...[actor && `by ${actor}`, request && `request ${request}`]
  ]
  return `${parts.flatMap((part) => (part ? [plain(part)] : [])).join('  ')}\n`
}

/** Two spaces part the fields: a text that has some of its own looks like several. */
function plain(part: string): string {
  const text = printable(part)
  return /\s\s/.test(text) ? JSON.stringify(text) : text
}

const asJson = (event: AuditEvent): object => ({ ...written(event), at: new Date(event.at).toISOString() })

function timeOf(text: string): number {
  try {
    return Date.now() - milliseconds(text)
  } catch {
    const at = momentOf(text)
    if (at === undefined) throw new InvalidArgumentError('expected 2026-01-31, 2026-01-31T12:00:00Z or 24h')
    return at
  }
}

function countOf(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('expected a whole number from 1')
  return Number(text)
}
