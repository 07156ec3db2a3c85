import { localType } from './attributes.ts'
import type { Audit, EndedAct } from './audit.ts'
import type { Credentials } from './backend.ts'
import type { Accepted } from './chain.ts'
import type { Chain } from './link.ts'
import { loginName } from './names.ts'
import type { Passwords } from './ports.ts'
import type { RequestContext } from './question.ts'
import type { User, UserStore } from './user-store.ts'

/** Who was accepted by what, among which backends, and when (epoch milliseconds). */
export interface Moving {
  readonly accepted: Pick<Accepted, 'backend' | 'identity' | 'move'>
  readonly credentials: Credentials
  readonly user: User
  readonly chain: Chain
  readonly at: number
}

/** What a move needs. */
export interface MovingTools {
  readonly store: Pick<UserStore, 'moveIn'>
  readonly passwords: Passwords
  readonly audit: Pick<Audit, 'record'>
}

/**
 * Makes an account the service's own, where its backend wants that: once, with the password that was right. Whoever has a
 * password of ours stays where they are, and so does who could not log in by `local` where they did now. A move that fails
 * is for the next login.
 */
export async function moveIn(
  moving: Moving,
  request: Pick<RequestContext, 'log' | 'ip' | 'clientId' | 'trail'>,
  { store, passwords, audit }: MovingTools
): Promise<void> {
  const { log } = request
  const { accepted, credentials, user, chain, at } = moving
  if (!accepted.move || credentials.kind !== 'password' || user.hasPassword) return
  if (!chain.some(({ type }) => type === localType)) return
  const about = { user: user.id, backend: accepted.backend.id, subject: accepted.identity.subject }
  const names = accepted.move.loginNames.flatMap((name) => loginName(name.trim()) ?? [])
  const loginNames = [...new Set(names)].filter((name) => name !== user.email)
  try {
    const passwordHash = await passwords.hash(credentials.password)
    const { user: userId, backend, subject } = about
    const outcome = await store.moveIn({ userId, backend, subject, passwordHash, loginNames, at })
    if (outcome !== 'moved') return
    log.info({ event: 'account_moved', ...about }, 'account moved to the own users')
    await audit.record(actOf(about, request), log)
  } catch (err) {
    log.warn({ event: 'account_not_moved', err, ...about }, 'account could not be moved')
  }
}

function actOf(
  about: { readonly user: string; readonly backend: string; readonly subject: string },
  { ip, clientId, trail }: Pick<RequestContext, 'ip' | 'clientId' | 'trail'>
): EndedAct {
  const act = { kind: 'administration', outcome: 'success', actor: 'service', action: 'users.move' } as const
  const { request } = trail ?? {}
  return { ...act, ...about, ip, client: clientId, ...(request === undefined ? {} : { request }) }
}
