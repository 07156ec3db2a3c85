import { adviceOnBind, adviceOnRootDse } from './answer-advice.ts'
import { createServerBreaker, type ServerBreaker } from './breaker.ts'
import type { Deadline } from './deadline.ts'
import { type DialOptions, dial } from './dial.ts'
import { failedResult, isServerDown, LdapFailure } from './failure.ts'
import { createPool, type Pool, type PoolLimits, type PoolSource } from './pool.ts'
import { codes } from './result-codes.ts'
import { checkAlive, inWords, type RootDse, readRootDse } from './root-dse.ts'
import type { Session } from './session.ts'
import { traced } from './trace.ts'

/** The account that searches; `undefined`: nobody, searches are anonymous. */
export type ServiceAccount = { readonly dn: string; readonly password: string } | undefined

/** What a connection is for: the service account's searches, or the users' binds. */
export type Kind = 'searches' | 'binds'

/** One server with its connections, and what is known of it. */
export interface Server {
  readonly url: string
  readonly breaker: ServerBreaker
  /** Read on the first connection. */
  readonly rootDse: RootDse | undefined
  /** Does a piece of work on a connection; what it throws is counted against the server, where the server is to blame. */
  use<T>(kind: Kind, work: (session: Session) => Promise<T>, deadline: Deadline): Promise<T>
  rootDseOn(session: Session, deadline: Deadline): Promise<RootDse>
  /** Connects, binds and reads the root DSE anew, whatever the breaker says. */
  examine(deadline: Deadline): Promise<void>
  close(): void
}

/** What opening a server needs. */
export interface ServerOptions {
  readonly dial: DialOptions
  readonly account: ServiceAccount
  readonly pool: PoolLimits
  readonly onChange: (url: string, down: LdapFailure | undefined) => void
}

/** A server that was silent for less than this was given too little time to be blamed. */
const fairTimeMs = 200

const bindAs = async (session: Session, account: ServiceAccount, deadline: Deadline): Promise<void> => {
  if (account === undefined) return
  const bind = async () => {
    const result = await session.bind(account.dn, account.password, deadline)
    if (result.code === codes.success) return
    const cause = failedResult('bind', result)
    throw new LdapFailure('bind', 'the service account was refused', { cause, code: result.code })
  }
  await traced(deadline, 'bind', bind, {
    ok: () => `bound as ${account.dn}`,
    failed: (error) => adviceOnBind(account.dn, error)
  })
}

/** A kept connection that turns out to be dead says nothing of the server: one more try, on a new one. */
const useTwice = async <T>(pool: Pool, work: (session: Session) => Promise<T>, deadline: Deadline): Promise<T> => {
  let wasReused = false
  try {
    return await pool.use((session, reused) => {
      wasReused = reused
      return work(session)
    }, deadline)
  } catch (failure) {
    if (!(wasReused && failure instanceof LdapFailure && failure.reason === 'closed')) throw failure
    pool.dropIdle()
    return pool.use(work, deadline)
  }
}

/** Opens nothing yet: the first question does. */
export const openServer = ({ dial: options, account, pool, onChange }: ServerOptions): Server => {
  const { url } = options.address
  let rootDse: RootDse | undefined
  let answeredAt = Number.NEGATIVE_INFINITY

  const readAnew = async (session: Session, deadline: Deadline): Promise<RootDse> => {
    rootDse = await traced(deadline, 'root-dse', () => readRootDse(session, deadline), {
      ok: inWords,
      failed: adviceOnRootDse
    })
    return rootDse
  }
  const rootDseOn = async (session: Session, deadline: Deadline) => rootDse ?? readAnew(session, deadline)

  const openForSearches = async (deadline: Deadline, onEnd: () => void): Promise<Session> => {
    const session = await dial(options, onEnd, deadline)
    try {
      await bindAs(session, account, deadline)
      await rootDseOn(session, deadline)
      return session
    } catch (error) {
      session.end()
      throw error
    }
  }
  const examine = async (deadline: Deadline): Promise<void> => {
    const session = await dial(options, () => undefined, deadline)
    try {
      await bindAs(session, account, deadline)
      await readAnew(session, deadline)
    } finally {
      session.end()
    }
  }

  const sources: Readonly<Record<Kind, PoolSource>> = {
    searches: { open: openForSearches, check: checkAlive },
    binds: { open: (deadline, onEnd) => dial(options, onEnd, deadline), check: checkAlive }
  }
  const pools: Readonly<Record<Kind, Pool>> = {
    searches: createPool(sources.searches, pool),
    binds: createPool(sources.binds, pool)
  }
  const breaker = createServerBreaker({
    probe: examine,
    onChange(down) {
      onChange(url, down)
      if (down === undefined) return
      for (const { dropIdle, refuseWaiting } of Object.values(pools)) {
        dropIdle()
        refuseWaiting(down)
      }
    }
  })

  /** Silence is the server's fault only where it was given time, and nobody else was answered meanwhile. */
  const isToBlame = (failure: LdapFailure, began: number): boolean => {
    if (!isServerDown(failure)) return false
    if (failure.reason !== 'timeout') return true
    return performance.now() - began >= fairTimeMs && answeredAt < began
  }

  return {
    url,
    breaker,
    get rootDse() {
      return rootDse
    },
    async use(kind, work, deadline) {
      const began = performance.now()
      try {
        const answer = await useTwice(pools[kind], work, deadline)
        answeredAt = performance.now()
        breaker.answered()
        return answer
      } catch (failure) {
        if (failure instanceof LdapFailure && isToBlame(failure, began)) breaker.failed(failure)
        throw failure
      }
    },
    rootDseOn,
    async examine(deadline) {
      await examine(deadline)
      breaker.answered()
    },
    close() {
      breaker.close()
      for (const { close } of Object.values(pools)) close()
    }
  }
}
