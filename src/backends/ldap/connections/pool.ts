import { type Line, leave } from '../../../line.ts'
import { atMost, type Deadline, watch, within } from './deadline.ts'
import { LdapFailure, wasClosed } from './failure.ts'
import type { Session } from './session.ts'

/** Limits of a pool of sessions to one server. */
export interface PoolLimits {
  /** As many are kept at hand, once the first question has been asked. */
  readonly min: number
  readonly max: number
  /** How many may wait for a session; more are refused at once. */
  readonly maxWaiting: number
  readonly waitMs: number
  /** Below the server's own idle limit, so that it is us who end a session. */
  readonly idleMs: number
  readonly maxAgeMs: number
  /** A session that nobody used for so long is tried before it is lent: a firewall may have forgotten it. */
  readonly checkAfterMs: number
}

/** How a pool comes by its sessions. */
export interface PoolSource {
  /** Makes a session, ready for work, and reports its end. */
  open(deadline: Deadline, onEnd: () => void): Promise<Session>
  /** Throws where the session does not answer any more. */
  check(session: Session, deadline: Deadline): Promise<void>
}

/** Sessions to one server, each used by one question at a time. */
export interface Pool {
  /** Lends a session. It is ended when `work` throws, else kept for the next. */
  use<T>(work: (session: Session, reused: boolean) => Promise<T>, deadline: Deadline): Promise<T>
  /** Ends the sessions that nobody uses: after a sign that the server has forgotten them. */
  dropIdle(): void
  /** Sends away those who wait, to ask another server; the failure is why. */
  refuseWaiting(failure: LdapFailure): void
  close(): void
}

interface Lease {
  readonly session: Session
  readonly openedAt: number
  usedAt: number
}

interface Waiter {
  give(lease: Lease | undefined): void
  refuse(failure: LdapFailure): void
}

/** A session that is alive answers within this; for one that does not, time must be left to make another. */
const checkMs = 300
const fillMs = 2000

/** Opens nothing yet: the first question does. */
export const createPool = (
  { open, check }: PoolSource,
  { min, max, maxWaiting, waitMs, idleMs, maxAgeMs, checkAfterMs }: PoolLimits
): Pool => {
  const idle: Lease[] = []
  const waiting: Line<Waiter> = []
  let places = max
  let closed = false
  let wasUsed = false

  const isFresh = ({ session, openedAt, usedAt }: Lease): boolean => {
    const now = performance.now()
    return session.alive && now - usedAt < idleMs && now - openedAt < maxAgeMs
  }
  const freePlace = (): void => {
    const [next] = waiting
    if (next) next.give(undefined)
    else places += 1
  }
  const drop = ({ session }: Lease): void => {
    session.end()
    freePlace()
  }
  const takeIdle = (): Lease | undefined => {
    for (let lease = idle.pop(); lease; lease = idle.pop()) {
      if (isFresh(lease)) return lease
      drop(lease)
    }
    return undefined
  }
  const sweep = setInterval(
    () => {
      for (const lease of idle.splice(0)) {
        if (isFresh(lease)) idle.push(lease)
        else drop(lease)
      }
      if (wasUsed) fill()
    },
    Math.max(1000, idleMs / 2)
  ).unref()

  const openLease = async (deadline: Deadline): Promise<Lease> => {
    try {
      const forget = () => {
        const at = idle.findIndex((lease) => !lease.session.alive)
        const [gone] = at < 0 ? [] : idle.splice(at, 1)
        if (gone) freePlace()
      }
      const session = await open(deadline, forget)
      const now = performance.now()
      return { session, openedAt: now, usedAt: now }
    } catch (error) {
      freePlace()
      throw error
    }
  }

  /** Opens what is missing of the least; a server that is down is left to its breaker. */
  const fill = (): void => {
    for (let missing = min - (max - places); missing > 0 && !closed; missing -= 1) {
      places -= 1
      openLease(within(fillMs)).then(release, () => undefined)
    }
  }

  /** A lease of another, or `undefined`: a free place to open one's own. */
  const waitForTurn = (deadline: Deadline): Promise<Lease | undefined> =>
    new Promise((resolve, reject) => {
      if (waiting.length >= maxWaiting) return reject(new LdapFailure('busy', 'too many wait for a connection'))
      const stepOut = () => {
        unwatch()
        leave(waiting, waiter)
      }
      const waiter: Waiter = {
        give(lease) {
          stepOut()
          resolve(lease)
        },
        refuse(failure) {
          stepOut()
          reject(failure)
        }
      }
      const isOwnLimit = waitMs < deadline.remainingMs()
      const unwatch = watch(atMost(deadline, waitMs), (tooLate) =>
        waiter.refuse(isOwnLimit ? new LdapFailure('busy', 'no connection became free') : tooLate)
      )
      waiting.push(waiter)
      return undefined
    })

  const dropIdle = (): void => idle.splice(0).forEach(drop)

  /** An idle lease that is known to work. */
  const takeWorking = async (deadline: Deadline): Promise<Lease | undefined> => {
    const lease = takeIdle()
    if (lease === undefined || performance.now() - lease.usedAt < checkAfterMs) return lease
    try {
      await check(lease.session, atMost(deadline, checkMs))
      return lease
    } catch {
      // The others have not been used for longer still.
      drop(lease)
      dropIdle()
      return undefined
    }
  }

  const acquire = async (deadline: Deadline): Promise<{ lease: Lease; reused: boolean }> => {
    if (closed) throw wasClosed()
    const reused = await takeWorking(deadline)
    if (reused) return { lease: reused, reused: true }
    if (places > 0) places -= 1
    else {
      const handed = await waitForTurn(deadline)
      if (handed) return { lease: handed, reused: true }
    }
    return { lease: await openLease(deadline), reused: false }
  }

  const release = (lease: Lease): void => {
    lease.usedAt = performance.now()
    const [next] = waiting
    if (closed || !isFresh(lease)) drop(lease)
    else if (next) next.give(lease)
    else idle.push(lease)
  }

  const refuseWaiting = (failure: LdapFailure): void => {
    for (const waiter of [...waiting]) waiter.refuse(failure)
  }

  return {
    async use(work, deadline) {
      const { lease, reused } = await acquire(deadline)
      try {
        const answer = await work(lease.session, reused)
        release(lease)
        if (!wasUsed) {
          wasUsed = true
          fill()
        }
        return answer
      } catch (error) {
        drop(lease)
        throw error
      }
    },
    dropIdle,
    refuseWaiting,
    close() {
      closed = true
      clearInterval(sweep)
      refuseWaiting(wasClosed())
      dropIdle()
    }
  }
}
