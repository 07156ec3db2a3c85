import { adviceOnSrv } from './advice.ts'
import { type Deadline, within } from './deadline.ts'
import { wasClosed } from './failure.ts'
import type { Server } from './server.ts'
import type { ServerAddress } from './server-url.ts'
import { lookUpServers, type SrvAddress, type SrvResolver } from './srv.ts'
import { traced } from './trace.ts'

/** The servers of a directory, as far as they are known. */
export interface ServerList {
  /** @throws {LdapFailure} DNS was to tell, and did not */
  current(deadline: Deadline): Promise<readonly Server[]>
  known(): readonly Server[]
  close(): void
}

/** Where the servers are, one after the other: an address, or a domain that DNS is asked about. */
export interface ServerListOptions {
  readonly places: readonly (ServerAddress | SrvAddress)[]
  /** See `lookUpServers`. */
  readonly anyHost: boolean
  readonly resolve?: SrvResolver
  readonly open: (address: ServerAddress) => Server
}

/** SRV records are asked for again after this; what DNS said before goes on being used meanwhile, and when it is silent. */
const freshMs = 60_000

const isDomain = (place: ServerAddress | SrvAddress): place is SrvAddress => 'domain' in place

/** The servers in the order of their places; a server keeps its connections while DNS names it. */
export const createServerList = ({ places, open, ...options }: ServerListOptions): ServerList => {
  const servers = new Map<string, Server>()
  const serverAt = (address: ServerAddress): Server => {
    const server = servers.get(address.url) ?? open(address)
    servers.set(address.url, server)
    return server
  }
  const fixed = places.some(isDomain) ? undefined : places.map((place) => serverAt(place as ServerAddress))
  let found: { readonly list: readonly Server[]; readonly since: number } | undefined
  let asking: Promise<readonly Server[]> | undefined
  let isClosed = false

  const addressesOf = async (
    place: ServerAddress | SrvAddress,
    deadline: Deadline
  ): Promise<readonly ServerAddress[]> =>
    isDomain(place)
      ? traced(deadline, 'dns', () => lookUpServers(place, options, deadline), {
          ok: (addresses) => `${place.url} is ${addresses.map(({ url }) => url).join(', ')}`,
          failed: (error) => adviceOnSrv(place, error)
        })
      : [place]

  const ask = async (deadline: Deadline): Promise<readonly Server[]> => {
    const answers = await Promise.allSettled(places.map((place) => addressesOf(place, deadline)))
    // nobody would close a server that is opened now
    if (isClosed) throw wasClosed()
    const failed = answers.find((answer) => answer.status === 'rejected')
    const addresses = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []))
    if (failed && (found || addresses.length === 0)) {
      if (found === undefined) throw failed.reason
      found = { ...found, since: performance.now() }
      return found.list
    }
    const list = [...new Set(addresses.map(serverAt))]
    found = { list, since: performance.now() }
    for (const [url, server] of servers) {
      if (list.includes(server)) continue
      servers.delete(url)
      server.close()
    }
    return list
  }
  const askOnce = (deadline: Deadline): Promise<readonly Server[]> => {
    asking ??= ask(deadline).finally(() => {
      asking = undefined
    })
    return asking
  }

  return {
    async current(deadline) {
      if (fixed) return fixed
      // somebody else's question may fail for having had less time: that is no answer to ours
      if (found === undefined) return asking?.catch(() => askOnce(deadline)) ?? askOnce(deadline)
      if (performance.now() - found.since > freshMs) askOnce(within(5000)).catch(() => undefined)
      return found.list
    },
    known: () => fixed ?? found?.list ?? [],
    close() {
      isClosed = true
      for (const server of servers.values()) server.close()
    }
  }
}
