import type { BackendMetrics, Log } from '../../auth/ports.ts'
import { milliseconds } from '../../config/units.ts'
import { secureContextReader } from '../secure-context.ts'
import { createDirectory, type Directory } from './connections/directory.ts'
import { LdapFailure } from './connections/failure.ts'
import type { PoolLimits } from './connections/pool.ts'
import { openServer } from './connections/server.ts'
import { createServerList } from './connections/server-list.ts'
import { parseServerUrl } from './connections/server-url.ts'
import { parseSrvUrl, type SrvResolver } from './connections/srv.ts'
import type { LdapOptions } from './options.ts'

/** What the directory's connections need beside their options. */
export interface DirectoryTools {
  readonly log: Log
  readonly metrics?: BackendMetrics
  /** The folder that relative file names start from. */
  readonly baseFolder: string
  /** Default: Node's. */
  readonly resolveSrv?: SrvResolver
}

const poolLimits = ({ pool = {} }: LdapOptions): PoolLimits => ({
  min: pool.min ?? 0,
  max: pool.max ?? 16,
  maxWaiting: pool.maxWaiting ?? 1000,
  waitMs: milliseconds(pool.wait ?? '5s'),
  idleMs: milliseconds(pool.idle ?? '60s'),
  maxAgeMs: milliseconds(pool.maxAge ?? '15m'),
  checkAfterMs: milliseconds(pool.checkAfter ?? '30s')
})

/** Referrals are written down at most this often. */
const referralLogMs = 60_000

const createReferralReport = (backend: string, { log, metrics }: DirectoryTools) => {
  let count = 0
  let saidAt = Number.NEGATIVE_INFINITY
  return (base: string): void => {
    count += 1
    metrics?.referralMet(backend)
    if (performance.now() - saidAt < referralLogMs) return
    saidAt = performance.now()
    log.warn({ event: 'ldap_referrals', backend, base, count }, 'the directory sends referrals, which are not followed')
  }
}

/** The connections to the configured servers. Connects at the first question. */
export const openDirectory = (id: string, options: LdapOptions, tools: DirectoryTools): Directory => {
  const { startTls = false, tls = {}, bind, strategy } = options
  const { log, baseFolder, resolveSrv } = tools
  const secureContext = secureContextReader(
    tls,
    baseFolder,
    (message, cause) => new LdapFailure('tls', message, { cause })
  )
  const pins = tls.pin === undefined ? [] : [tls.pin].flat()
  const { serverName } = tls
  const pool = poolLimits(options)
  const servers = createServerList({
    places: options.servers.map((url) => parseSrvUrl(url) ?? parseServerUrl(url)),
    anyHost: serverName !== undefined || pins.length > 0,
    ...(resolveSrv && { resolve: resolveSrv }),
    open: (address) =>
      openServer({
        dial: { address, startTls, secureContext, serverName, pins },
        account: bind,
        pool,
        onChange(server, down) {
          if (down) log.warn({ event: 'ldap_server_down', backend: id, server, err: down }, 'LDAP server is down')
          else log.info({ event: 'ldap_server_up', backend: id, server }, 'LDAP server is up again')
        }
      })
  })
  return createDirectory({ servers, ...(strategy && { strategy }), onReferral: createReferralReport(id, tools) })
}
