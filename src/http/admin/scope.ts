import type { FastifyRequest, FastifySchema } from 'fastify'
import { auditScope } from '../audited-scope.ts'
import { acceptJson } from '../bodies.ts'
import type { AppParts } from '../parts.ts'
import { answerProblems } from '../problems.ts'
import { administrative } from '../schemas/admin.ts'
import type { App } from '../server.ts'
import { validateLazily } from '../validation.ts'
import { type Access, admit, askerOf } from './caller.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Routes of an administrative scope only: they don't start without. */
    readonly access?: Access
  }
}

const bodyLimit = 256 * 1024

/** The document says of each route what it needs. */
function tellRight(schema: FastifySchema, access: string): void {
  const { description } = schema as { description?: string }
  Object.assign(schema, { description: [description, `Needs \`${access}\`.`].filter(Boolean).join(' ') })
}

/**
 * A scope of routes that are closed by default: each must say in `config.access` whom it is for, and the right is asked for
 * before the body is read. Errors are problem details, bodies JSON, answers are kept by nobody.
 */
export function guardedScope(scope: App, parts: AppParts): void {
  answerProblems(scope)
  acceptJson(scope)
  validateLazily(scope, { schemas: administrative, allErrors: true })
  auditScope(scope, parts, askerOf)
  scope.addHook('onRoute', (route) => {
    const { access } = route.config ?? {}
    if (access === undefined) throw new Error(`${String(route.method)} ${route.url} does not say whom it is for`)
    route.bodyLimit ??= bodyLimit
    if (route.schema && route.method !== 'HEAD' && access !== 'self') tellRight(route.schema, access)
  })
  scope.addHook('onRequest', async (request: FastifyRequest, reply) => {
    reply.header('cache-control', 'no-store').header('pragma', 'no-cache')
    await admit(request, request.routeOptions.config.access, parts)
  })
}
