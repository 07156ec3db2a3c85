import type { Along, Trail } from '../auth/audit.ts'
import type { LoggedIn } from '../auth/login.ts'
import type { Log } from '../auth/ports.ts'
import { InvalidGrant } from '../errors.ts'
import { newId } from '../new-id.ts'
import { createOutage } from './outage.ts'
import type { RefreshTokens } from './refresh-token.ts'
import { longestAccessTokenMs, type Session, type SessionStore } from './session-store.ts'

/** What a new session is bound to for good. */
export interface NewSession {
  readonly loggedIn: LoggedIn
  readonly clientId: string
  readonly audience: string
  readonly scope: string | null
  readonly amr: readonly string[]
  /** Shorter or longer lives than the usual ones, in milliseconds. */
  readonly refreshTtlMs?: number
}

/** The sessions as the grants see them. */
export interface Sessions {
  readonly store: SessionStore
  /**
   * Begins a session, which is written with the event of the login.
   * @param along takes its writing; refused as `InvalidGrant` where the user was deleted meanwhile
   */
  begin(session: NewSession, along: Along[]): Session
  /** The refresh token of a session as it stands. */
  tokenOf(session: Session): string
  /**
   * The session behind a refresh token that may be used now.
   * @param trail learns whose it is, also where it is refused
   * @throws {InvalidGrant} for all others; a token that was used before ends its session, unless its reply may have been lost
   */
  find(token: string, clientId: string, log: Log, trail?: Trail): Promise<Session>
  /**
   * Gives the session its next refresh token, one for all who present the same within the grace; it is written with the
   * event of the refresh.
   * @param along takes its writing; refused as `InvalidGrant` where the session ended meanwhile
   */
  rotate(session: Session, along: Along[], log: Log): Session
  /** Ends a session and its access tokens. */
  end(session: Session, reason: string, log: Log): Promise<void>
  /** The session of a refresh token for its owner alone, live or not; for revocation and introspection. */
  owned(token: string, clientId: string): Promise<Session | undefined>
}

/** A reply may be lost, and two may refresh at once: so long the token before the last still answers. */
const graceMs = 30_000

/** Lifetimes in milliseconds; `now` in epoch milliseconds. */
export interface SessionOptions {
  readonly store: SessionStore
  readonly refreshTokens: RefreshTokens
  readonly refreshTtlMs: number
  readonly refreshIdleTtlMs: number
  now(): number
}

/** Sessions: one row each, one line of refresh tokens each (RFC 9700 4.14.2: rotation, and reuse ends it). */
export function createSessions({ store, refreshTokens, ...options }: SessionOptions): Sessions {
  const idleEnd = (now: number, expiresAt: number): number => Math.min(now + options.refreshIdleTtlMs, expiresAt)

  const outage = createOutage(options.now)

  const end = async ({ id, userId }: Session, reason: string, log: Log): Promise<void> => {
    await store.end([id], options.now() + longestAccessTokenMs)
    log.info({ event: 'session_ended', session: id, user: userId, reason }, 'session ended')
  }

  const byId = (id: string): Promise<Session | undefined> =>
    store.byId(id).catch((error) => {
      outage.met()
      throw error
    })

  const opened = async (token: string, clientId: string): Promise<readonly [Session, number] | undefined> => {
    const content = refreshTokens.open(token)
    const session = content && (await byId(content.session))
    return session?.clientId === clientId && content ? [session, content.counter] : undefined
  }

  const isRepeated = ({ counter, rotatedAt }: Session, presented: number): boolean =>
    presented === counter - 1 && (options.now() - rotatedAt <= graceMs || outage.mayHaveHidden(rotatedAt))

  return {
    store,
    begin({ loggedIn, clientId, audience, scope, amr, refreshTtlMs = options.refreshTtlMs }, along) {
      const now = options.now()
      const proofEnds = loggedIn.proof?.until ?? Number.POSITIVE_INFINITY
      const expiresAt = Math.min(now + refreshTtlMs, proofEnds)
      const session: Session = {
        id: newId(),
        userId: loggedIn.user.id,
        backend: loggedIn.backend.id,
        subject: loggedIn.subject,
        ...{ clientId, audience, scope, amr, counter: 0, rotatedAt: now, createdAt: now, expiresAt },
        authenticatedAt: loggedIn.at,
        idleExpiresAt: idleEnd(now, expiresAt)
      }
      along.push({
        write: store.creation(session),
        async refused() {
          throw new InvalidGrant('the user is gone', { reason: 'user-gone' })
        }
      })
      return session
    },
    tokenOf: ({ id, counter }) => refreshTokens.issue({ session: id, counter }),
    async find(token, clientId, log, trail) {
      const found = await opened(token, clientId)
      if (!found) throw new InvalidGrant('no live session of this client', { reason: 'no-session' })
      const [session, presented] = found
      noteSession(session, trail)
      if (session.idleExpiresAt <= options.now()) throw sessionExpired()
      if (presented === session.counter) return session
      if (isRepeated(session, presented)) return { ...session, counter: presented }
      await end(session, 'a refresh token was used again', log)
      throw new InvalidGrant('the refresh token was used before', { reason: 'token-reused' })
    },
    rotate(session, along, log) {
      const { id, counter, expiresAt } = session
      const at = options.now()
      const idleExpiresAt = idleEnd(at, expiresAt)
      along.push({
        write: store.rotation(id, counter, { at, idleExpiresAt }),
        // whoever presented the same token a moment before has got the same successor; it was in time when it was found
        async refused() {
          const now = await store.byId(id)
          const isAsFound = now?.rotatedAt === session.rotatedAt && now.counter === counter + 1
          if (now && (isAsFound || isRepeated(now, counter))) return undefined
          if (now) await end(now, 'a refresh token was used again', log)
          throw new InvalidGrant('the session ended meanwhile', { reason: 'no-session' })
        },
        unanswered: outage.met
      })
      return { ...session, counter: counter + 1, rotatedAt: at, idleExpiresAt }
    },
    end,
    owned: async (token, clientId) => (await opened(token, clientId))?.[0]
  }
}

const sessionExpired = (): InvalidGrant => new InvalidGrant('the session has expired', { reason: 'session-expired' })

function noteSession({ id, userId, backend, subject }: Session, trail: Trail | undefined): void {
  if (trail) Object.assign(trail, { user: userId, backend, subject, session: id })
}
