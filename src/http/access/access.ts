import type { AppParts } from '../parts.ts'
import type { App } from '../server.ts'
import { askWhoFirst } from './asking.ts'
import { evaluationRoute } from './evaluation.ts'
import { evaluationsRoute } from './evaluations.ts'
import { searchRoutes } from './search.ts'

/** OpenID AuthZEN 1.0: who may do what, for services and for people about themselves. */
export async function accessRoutes(app: App, parts: AppParts): Promise<void> {
  await app.register(async (routes: App) => {
    askWhoFirst(routes, parts)
    evaluationRoute(routes, parts)
    evaluationsRoute(routes, parts)
    searchRoutes(routes, parts)
  })
}
