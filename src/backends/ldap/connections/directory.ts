import type { BreakerStatus } from '../../../auth/breaker.ts'
import { atMost, type Deadline } from './deadline.ts'
import { failedResult, isWorthAnotherServer, LdapFailure } from './failure.ts'
import type { Result } from './messages.ts'
import { codes } from './result-codes.ts'
import type { RootDse } from './root-dse.ts'
import { tracedSearch } from './search-trace.ts'
import type { Kind, Server } from './server.ts'
import type { ServerList } from './server-list.ts'
import type { SearchAnswer, SearchQuery, Session } from './session.ts'

/** A connection that is lent for more than one operation, and how long it may be used. */
export interface Use {
  readonly session: Session
  readonly deadline: Deadline
  /** What the server at its other end is. */
  rootDse(): Promise<RootDse>
}

/** The directory behind all its servers. Every failure is an `LdapFailure`; result codes are answers. */
export interface Directory {
  /** Searches as the service account; after a lost connection once more elsewhere. */
  search(query: SearchQuery, deadline: Deadline): Promise<SearchAnswer & { readonly rootDse: RootDse }>
  /** Binds as a user, on a connection that is used for nothing else. Sent again only where no answer came. */
  bind(dn: string, password: string, deadline: Deadline): Promise<Result>
  /** Several operations on one connection. Done again elsewhere only where no answer came. */
  use<T>(kind: Kind, work: (use: Use) => Promise<T>, deadline: Deadline): Promise<T>
  /** What the servers are; read once, then known. */
  rootDse(deadline: Deadline): Promise<RootDse>
  /** Connects, binds and reads the root DSE anew; of every server while somebody wants to know how it goes. */
  probe(deadline: Deadline): Promise<void>
  /** Whether any of the servers is asked at the moment. */
  status(): BreakerStatus
  close(): void
}

/** What a directory is made of. */
export interface DirectoryOptions {
  readonly servers: ServerList
  /** `order`: the first that answers; `random`: any that answers. Default: order. */
  readonly strategy?: 'order' | 'random'
  /** Told of every answer with referrals in it, which are not followed. */
  readonly onReferral?: (base: string) => void
}

/** No server is given less than this, as long as there is any time: two that hang leave a third its chance. */
const leastShareMs = 300

const shuffled = <T>(items: readonly T[]): T[] =>
  items
    .map((item) => ({ item, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item)

const allDown = (servers: readonly Server[]): LdapFailure => {
  const [last] = servers.flatMap(({ breaker }) => breaker.down ?? [])
  return new LdapFailure(last?.reason ?? 'connect', 'no server answers, and each is tried in the background', {
    cause: last
  })
}

/** The best that can be said of several servers: one that works is enough. */
const statusOf = (servers: readonly Server[]): BreakerStatus => {
  const all = servers.map(({ breaker }) => breaker.status())
  const best = (['closed', 'half-open', 'open'] as const)
    .map((wanted) => all.find(({ state }) => state === wanted))
    .find((status) => status !== undefined)
  return best ?? { state: 'closed', lastError: null, since: null }
}

/** Opens nothing yet: the first question does. */
export const createDirectory = ({ servers, strategy = 'order', onReferral }: DirectoryOptions): Directory => {
  const inTurn = async (deadline: Deadline): Promise<readonly Server[]> => {
    const all = await servers.current(deadline)
    const up = all.filter(({ breaker }) => breaker.down === undefined)
    if (up.length === 0) throw allDown(all)
    return strategy === 'random' ? shuffled(up) : up
  }

  /** Asks the servers in turn, each within its part of the time, until one answers. */
  const ask = async <T>(
    kind: Kind,
    work: (session: Session, server: Server, share: Deadline) => Promise<T>,
    deadline: Deadline
  ): Promise<T> => {
    const order = await inTurn(deadline)
    let last: unknown
    for (const [at, server] of order.entries()) {
      const remainingMs = deadline.remainingMs()
      if (at > 0 && remainingMs <= 0) break
      const share = atMost(deadline, Math.max(leastShareMs, remainingMs / (order.length - at)))
      try {
        return await server.use(kind, (session) => work(session, server, share), share)
      } catch (failure) {
        if (!isWorthAnotherServer(failure, kind)) throw failure
        last = failure
      }
    }
    throw last
  }

  const probeEach = async (deadline: Deadline): Promise<void> => {
    const all = await servers.current(deadline)
    const answers: PromiseSettledResult<void>[] = []
    for (const [at, server] of all.entries()) {
      const share = atMost(deadline, Math.max(leastShareMs, deadline.remainingMs() / (all.length - at)))
      deadline.trace?.({ step: 'server', outcome: 'note', text: server.url })
      answers.push(...(await Promise.allSettled([server.examine(share)])))
    }
    const failed = answers.find((answer) => answer.status === 'rejected')
    if (failed && answers.every(({ status }) => status === 'rejected')) throw failed.reason
  }
  const probeAny = async (deadline: Deadline): Promise<void> => {
    const all = await servers.current(deadline)
    await Promise.any(all.map((server) => server.examine(deadline))).catch((error: AggregateError) => {
      throw error.errors[0]
    })
  }

  return {
    search: (query, deadline) =>
      ask(
        'searches',
        async (session, server, share) => {
          const rootDse = await server.rootDseOn(session, share)
          const { pageSize, ...inOnePage } = query
          const answer = await tracedSearch(session, rootDse.canPage ? query : inOnePage, share)
          const failure = answer.result.code === codes.success ? undefined : failedResult('search', answer.result)
          if (answer.references > 0 || failure?.reason === 'referral') onReferral?.(query.base)
          if (failure?.reason === 'server-unavailable') throw failure
          return { ...answer, rootDse }
        },
        deadline
      ),
    use: (kind, work, deadline) =>
      ask(
        kind,
        (session, server, share) => work({ session, deadline: share, rootDse: () => server.rootDseOn(session, share) }),
        deadline
      ),
    bind: (dn, password, deadline) => ask('binds', (session, _, share) => session.bind(dn, password, share), deadline),
    async rootDse(deadline) {
      const known = servers.known().find((server) => server.rootDse !== undefined)?.rootDse
      return known ?? ask('searches', (session, server, share) => server.rootDseOn(session, share), deadline)
    },
    probe: (deadline) => (deadline.trace ? probeEach(deadline) : probeAny(deadline)),
    status: () => statusOf(servers.known()),
    close: () => servers.close()
  }
}
