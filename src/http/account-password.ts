import { changeOwnPassword } from '../auth/own-password.ts'
import { addressOf } from './address.ts'
import { callerOf } from './admin/caller.ts'
import { audited } from './audited.ts'
import { addressLimit } from './client.ts'
import type { AppParts } from './parts.ts'
import { OwnPassword } from './schemas/account.ts'
import { nothing } from './schemas/admin/words.ts'
import { bodyProblems } from './schemas/problems.ts'
import { ref } from './schemas/words.ts'
import type { App } from './server.ts'

/** `POST /account/password`: a new password for whoever knows the old one. */
export function ownPasswordRoute(account: App, parts: AppParts): void {
  account.post(
    '/password',
    {
      config: { access: 'self', auditsItself: true, rateLimit: addressLimit(parts) },
      schema: {
        operationId: 'changeOwnPassword',
        summary: "Change one's own password, which ends all other sessions",
        description:
          'Where the password is kept: in the directory as its user, or here. A wrong `currentPassword` is `invalid-grant` and counts ' +
          'as a failed login; a new password that is not taken is `password-refused`, with the `reason`.',
        tags: ['account'],
        security: [{ bearer: [] }],
        body: ref(OwnPassword),
        response: { 204: nothing('It is changed, and all other sessions have ended'), ...bodyProblems(409, 429) }
      }
    },
    async (request, reply) => {
      const { claims, user } = callerOf(request)
      const { login, accounts, admin, sessions } = parts
      await audited('password_change', request, parts, async ({ trail, refused }) => {
        Object.assign(trail, { user: user.id, client: claims.client_id, session: claims.sid })
        const session = await sessions.store.byId(claims.sid)
        const account = { user, backend: claims.backend, subject: session?.subject, session: claims.sid }
        const context = {
          ...{ log: request.log, ip: addressOf(request), clientId: claims.client_id, trail, refused },
          isGone: () => request.raw.socket.destroyed,
          span: request.span,
          deadline: performance.now() + login.timeoutMs
        }
        const tools = { ...login, accounts, policy: admin.passwordPolicy }
        return changeOwnPassword({ ...account, ...request.body }, context, tools)
      })
      return reply.code(204).send(null)
    }
  )
}
