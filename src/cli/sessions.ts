import type { Command } from 'commander'
import { emailPrefix } from '../auth/email.ts'
import { longestAccessTokenMs, type Session, sessionAsJson } from '../tokens/session-store.ts'
import { asLine, find, write } from './administration.ts'
import { withStore } from './configuration.ts'
import { Misused, Refused } from './refused.ts'

/** `latchkey sessions …`: who is logged in and can refresh. */
export function addSessions(program: Command): void {
  const sessions = program.command('sessions').description('logins that can be refreshed')
  sessions
    .command('list')
    .description('list sessions that have not ended')
    .option('--user <user>', 'of this user, by e-mail, id or login name')
    .option('--search <prefix>', 'of users whose e-mail begins so')
    .option('--json', 'print JSON lines')
    .action((options: ListOptions & { search?: string }, command: Command) => list(options, command))
  sessions
    .command('revoke [session]')
    .description('end a session by its id, or with --user all of a user, and their access tokens')
    .option('--user <user>', 'all sessions of this user, by e-mail, id or login name')
    .option('--json', 'print JSON')
    .action((id: string | undefined, options: ListOptions, command: Command) => revoke(id, options, command))
}

interface ListOptions {
  readonly user?: string
  readonly json?: boolean
}

async function list({ user, search, json }: ListOptions & { search?: string }, command: Command): Promise<void> {
  await withStore(command, async ({ sessions, users, accounts }) => {
    const now = Date.now()
    const print = (found: readonly Session[]): void => {
      const live = found.filter((session) => session.idleExpiresAt > now)
      for (const session of live) write(json ? asLine(sessionAsJson(session)) : line(session))
    }
    const userId = user === undefined ? undefined : (await find(user, { users, accounts })).id
    if (userId !== undefined && search === undefined) return print(await sessions.ofUser(userId))
    const wanted = { userId, search: emailPrefix(search ?? '') }
    let cursor: string | undefined
    do {
      const page = await sessions.list({ ...wanted, limit: 500, ...(cursor === undefined ? {} : { cursor }) })
      print(page)
      cursor = page.at(-1)?.id
    } while (cursor !== undefined)
  })
}

async function revoke(id: string | undefined, { user, json }: ListOptions, command: Command): Promise<void> {
  if ((id === undefined) === (user === undefined)) throw new Misused('name one session, or a user with --user')
  await withStore(command, async ({ sessions, users, accounts }) => {
    if (user !== undefined) {
      const { id, email } = await find(user, { users, accounts })
      const { length } = await sessions.ofUser(id)
      await users.logOut(id, Date.now())
      return write(
        json ? asLine({ user: id, ended: length }) : `ended ${length} sessions of ${email}, and all access tokens\n`
      )
    }
    const session = await sessions.byId(String(id).toLowerCase())
    if (!session) throw new Refused(`there is no session ${JSON.stringify(id)}`)
    await sessions.end([session.id], Date.now() + longestAccessTokenMs)
    write(json ? asLine({ session: session.id, ended: 1 }) : `ended ${session.id}\n`)
  })
}

const iso = (at: number): string => new Date(at).toISOString()

const line = ({ id, userId, backend, clientId, rotatedAt, idleExpiresAt }: Session): string =>
  `${[id, `user ${userId}`, `backend ${backend}`, `client ${clientId}`, `refreshed ${iso(rotatedAt)}`, `ends ${iso(idleExpiresAt)}`].join('  ')}\n`
