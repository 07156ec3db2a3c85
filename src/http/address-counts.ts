import type {
  FastifyRateLimitOptions,
  FastifyRateLimitStore,
  FastifyRateLimitStoreCtor,
  RateLimitOptions
} from '@fastify/rate-limit'
import type { RouteOptions } from 'fastify'
import type { Rates } from '../limits/rates.ts'

type Counted = RateLimitOptions & {
  readonly path?: string
  readonly prefix?: string
  readonly routeInfo?: RouteOptions
}

/**
 * A store for @fastify/rate-limit over counters that outlive it: another configuration makes another app, and a limit that
 * stays as it was goes on from where it stands.
 */
export function addressCounts(rates: Rates): FastifyRateLimitStoreCtor {
  const storeOf = (name: string): FastifyRateLimitStore => ({
    incr(key, answer, windowMs = 0) {
      rates.hit(`${name} ${key}`, windowMs).then(
        ({ count, leftMs }) => answer(null, { current: count, ttl: leftMs }),
        (error: Error) => answer(error)
      )
    },
    child: ({ max, timeWindow, routeInfo }: Counted) =>
      storeOf(`${routeInfo?.method} ${routeInfo?.url} ${max} ${timeWindow}`)
  })
  // called with `new`, as the class that it would be
  return function counts(_options: FastifyRateLimitOptions) {
    return storeOf('')
  } as unknown as FastifyRateLimitStoreCtor
}
