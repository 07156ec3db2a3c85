import type { AppParts } from '../parts.ts'
import type { App } from '../server.ts'
import { auditRoutes } from './audit.ts'
import { backendRoutes } from './backends.ts'
import { clientRoutes } from './clients.ts'
import { groupRoutes } from './groups.ts'
import { keyRoutes } from './keys.ts'
import { objectGrantRoutes } from './object-grants.ts'
import { permissionRoutes } from './permissions.ts'
import { guardedScope } from './scope.ts'
import { sessionRoutes } from './sessions.ts'
import { userRoutes } from './users.ts'
import { webhookRoutes } from './webhooks.ts'

/** `/admin`: administration over HTTP, for holders of the service's own permissions. */
export async function adminRoutes(app: App, parts: AppParts): Promise<void> {
  await app.register(
    async (admin: App) => {
      guardedScope(admin, parts)
      userRoutes(admin, parts)
      groupRoutes(admin, parts)
      permissionRoutes(admin, parts)
      objectGrantRoutes(admin, parts)
      clientRoutes(admin, parts)
      sessionRoutes(admin, parts)
      keyRoutes(admin, parts)
      backendRoutes(admin, parts)
      webhookRoutes(admin, parts)
      auditRoutes(admin, parts)
    },
    { prefix: '/admin' }
  )
}
