import { createBreaker } from './breaker.ts'
import { atMost, type Deadline } from './deadline.ts'
import { type DialOptions, dial } from './dial.ts'
import { failedResult, isServerDown, isWorthAnotherServer, LdapFailure } from './failure.ts'
import type { Result } from './messages.ts'
import { createPool, type Pool, type PoolLimits } from './pool.ts'
import { type RootDse, readRootDse } from './root-dse.ts'
import { codes, type SearchAnswer, type SearchQuery, type Session } from './session.ts'

/** The directory behind all its servers. Every failure is an `LdapFailure`; result codes are answers. */
export interface Directory {
  /** Searches as the service account; after a lost connection once more elsewhere. */
  search(query: SearchQuery, deadline: Deadline): Promise<SearchAnswer & { readonly rootDse: RootDse }>
  /** Binds as a user, on a connection that is used for nothing else. Sent again only where no answer came. */
  bind(dn: string, password: string, deadline: Deadline): Promise<Result>
  /** What the servers are; read once, then known. */
  rootDse(deadline: Deadline): Promise<RootDse>
  /** Connects, binds and reads the root DSE anew. */
  probe(deadline: Deadline): Promise<void>
  close(): void
}

/** How to reach the directory. */
export interface DirectoryOptions {
  readonly servers: readonly DialOptions[]
  /** The service account; absent: anonymous. */
  readonly account: { readonly dn: string; readonly password: string } | undefined
  readonly pool: PoolLimits
}

interface Server {
  readonly searches: Pool
  readonly binds: Pool
  rootDse?: RootDse
}

/** A server that could not answer within less than this was given too little time to be blamed. */
const fairTimeMs = 200

const rootDseOf = async (session: Session, server: Server, deadline: Deadline): Promise<RootDse> => {
  server.rootDse ??= await readRootDse(session, deadline)
  return server.rootDse
}

const openServer = (options: DialOptions, { account, pool }: DirectoryOptions): Server => {
  const openForSearches = async (deadline: Deadline, onEnd: () => void): Promise<Session> => {
    const session = await dial(options, onEnd, deadline)
    try {
      const bound = account && (await session.bind(account.dn, account.password, deadline))
      if (bound && bound.code !== codes.success) {
        throw new LdapFailure('bind', 'the service account was refused', { cause: failedResult('bind', bound) })
      }
      await rootDseOf(session, server, deadline)
      return session
    } catch (error) {
      session.end()
      throw error
    }
  }
  const server: Server = {
    searches: createPool(openForSearches, pool),
    binds: createPool((deadline, onEnd) => dial(options, onEnd, deadline), pool)
  }
  return server
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
export const createDirectory = (options: DirectoryOptions): Directory => {
  const servers = options.servers.map((server) => openServer(server, options))
  const breaker = createBreaker(servers)

  /** Asks the servers in turn, each within its part of the time, until one answers. */
  const ask = async <T>(
    kind: 'searches' | 'binds',
    work: (session: Session, server: Server, share: Deadline) => Promise<T>,
    deadline: Deadline
  ): Promise<T> => {
    const order = breaker.order()
    let last: unknown
    for (const [at, server] of order.entries()) {
      const shareMs = deadline.remainingMs() / (order.length - at)
      const share = atMost(deadline, shareMs)
      try {
        const answer = await useTwice(server[kind], (session) => work(session, server, share), share)
        breaker.answered(server)
        return answer
      } catch (failure) {
        if (!isWorthAnotherServer(failure)) throw failure
        last = failure
        if (isServerDown(failure) && (failure.reason !== 'timeout' || shareMs >= fairTimeMs)) {
          breaker.failed(server)
          server.searches.refuseWaiting(failure)
          server.binds.refuseWaiting(failure)
        }
      }
    }
    throw last
  }

  return {
    search: (query, deadline) =>
      ask(
        'searches',
        async (session, server, share) => {
          const rootDse = await rootDseOf(session, server, share)
          const { pageSize, ...inOnePage } = query
          const answer = await session.search(rootDse.canPage ? query : inOnePage, share)
          const failure = answer.result.code === codes.success ? undefined : failedResult('search', answer.result)
          if (failure?.reason === 'server-unavailable') throw failure
          return { ...answer, rootDse }
        },
        deadline
      ),
    bind: (dn, password, deadline) => ask('binds', (session, _, share) => session.bind(dn, password, share), deadline),
    async rootDse(deadline) {
      const known = servers.find((server) => server.rootDse !== undefined)?.rootDse
      return known ?? ask('searches', rootDseOf, deadline)
    },
    probe: (deadline) =>
      ask(
        'searches',
        async (session, server, share) => {
          server.rootDse = await readRootDse(session, share)
        },
        deadline
      ),
    close() {
      for (const { searches, binds } of servers) {
        searches.close()
        binds.close()
      }
    }
  }
}
