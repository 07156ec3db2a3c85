import type { Command } from 'commander'
import { atConsole } from '../admin/actor.ts'
import { patchUser } from '../admin/users.ts'
import { consoleAdministration } from '../administration.ts'
import type { BackendContext } from '../auth/backend.ts'
import type { Link } from '../auth/link.ts'
import { userToolsOf } from '../auth/login.ts'
import { MassChange, type SyncReport, type SyncTools, syncUsers } from '../auth/sync.ts'
import type { Config } from '../config/config.ts'
import { LastSuperuser, NotFound } from '../errors.ts'
import { type Latchkey, openLatchkey } from '../latchkey.ts'
import { openLog } from '../log.ts'
import { configOf, onlyHere } from './configuration.ts'
import { asConsole } from './console-act.ts'
import { createProgress } from './progress.ts'
import { Refused } from './refused.ts'

/** What `latchkey ldap sync` may be told. */
export interface SyncOptions {
  readonly dryRun?: boolean
  /** A part of one. */
  readonly maxChange: number
  readonly json?: boolean
}

/** How long one question to the directory may take: a list of everybody takes longer than a login has. */
const questionMs = 300_000

/** `latchkey ldap sync`: everybody in advance, by the rules of a login. */
export async function sync(backend: string, options: SyncOptions, command: Command): Promise<void> {
  const config = await configOf(command)
  const log = await openLog('error', { stream: process.stderr })
  const latchkey = await openLatchkey(onlyHere(config), log)
  const progress = createProgress(process.stderr)
  try {
    const link = linkOf(backend, latchkey)
    const work = () =>
      syncUsers(
        link,
        {
          ...userToolsOf({ ...asker(), log, deadline: Number.POSITIVE_INFINITY }, latchkey.login),
          context: contextOf(log),
          deactivate: deactivation(config, latchkey),
          now: Date.now
        },
        { dryRun: options.dryRun === true, maxChange: options.maxChange, onProgress: progress.show }
      )
    const report = await asConsole(command, { store: latchkey.store, log }, work)
    progress.end()
    process.stdout.write(options.json ? `${JSON.stringify(report)}\n` : describe(report, options))
  } catch (error) {
    progress.end()
    if (!(error instanceof MassChange)) throw error
    throw new Refused(`${error.message}. Is that right? Then say so by a greater --max-change.`)
  } finally {
    await latchkey.close()
  }
}

/** Through the rules of administration, which keep the last superuser. */
const deactivation =
  (config: Config, { store, passwords }: Latchkey): SyncTools['deactivate'] =>
  async (userId) => {
    try {
      await patchUser(atConsole, userId, { isActive: false }, consoleAdministration(config, store, passwords.hash))
      return 'deactivated'
    } catch (error) {
      // who was deleted meanwhile is let in no longer, either
      if (error instanceof NotFound) return 'deactivated'
      if (error instanceof LastSuperuser) return 'last-superuser'
      throw error
    }
  }

const asker = () => ({ clientId: 'sync', ip: '127.0.0.1' })

const contextOf = (log: BackendContext['log']): BackendContext => ({
  ...asker(),
  log,
  signal: new AbortController().signal,
  remainingMs: () => questionMs
})

function linkOf(backend: string, { login }: Latchkey): Link {
  const link = login.chain.find(({ id }) => id === backend)
  const able = login.chain.filter((one) => one.backend.identities).map(({ id }) => id)
  const known = able.length > 0 ? `there is ${able.join(', ')}` : 'there is none'
  if (!link)
    throw new Refused(`there is no backend ${JSON.stringify(backend)} in the configuration; to be synced ${known}`)
  if (!link.backend.identities) throw new Refused(`the backend ${backend} can't list its users; to be synced ${known}`)
  return link
}

function describe(report: SyncReport, { dryRun }: SyncOptions): string {
  const { seen, created, joined, refused, deactivated, kept, lastSuperusers } = report
  const lines = [
    `${dryRun ? 'a sync would have found' : 'found'} ${seen}: ${created} created, ${joined} joined, ${refused.length} refused`,
    ...refused.map(({ username, reason }) => `refused ${username}: ${reason}`),
    ...deactivated.map((email) => `${dryRun ? 'would deactivate' : 'deactivated'} ${email}: gone`),
    ...kept.map((email) => `kept ${email}: gone from here, but with another identity or a password of ours`),
    ...lastSuperusers.map((email) => `kept ${email}: gone from here, but the last active superuser`)
  ]
  return `${lines.join('\n')}\n`
}
