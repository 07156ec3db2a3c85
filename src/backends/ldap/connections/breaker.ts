const retryAfterMs = 3000

/** Remembers which servers failed, so that those that answer are asked first. */
export interface Breaker<Server> {
  /** All servers in the order to ask them: those that answer as configured, then the rest. */
  order(): readonly Server[]
  failed(server: Server): void
  answered(server: Server): void
}

/** One try every three seconds finds out whether a failed server is back; meanwhile it comes last. */
export const createBreaker = <Server>(servers: readonly Server[]): Breaker<Server> => {
  const downUntil = new Map<Server, number>()
  const isAskedFirst = (server: Server, now: number): boolean => {
    const until = downUntil.get(server)
    if (until === undefined) return true
    if (until > now) return false
    downUntil.set(server, now + retryAfterMs)
    return true
  }
  return {
    order() {
      if (downUntil.size === 0) return servers
      const now = performance.now()
      const first = servers.filter((server) => isAskedFirst(server, now))
      return [...first, ...servers.filter((server) => !first.includes(server))]
    },
    failed: (server) => void downUntil.set(server, performance.now() + retryAfterMs),
    answered: (server) => void downUntil.delete(server)
  }
}
