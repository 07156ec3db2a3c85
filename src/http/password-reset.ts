import { countAsking, mailReset, resetPassword } from '../auth/password-reset.ts'
import Type from '../schema/type.ts'
import { addressOf } from './address.ts'
import { audited } from './audited.ts'
import { acceptJson } from './bodies.ts'
import { addressLimit } from './client.ts'
import type { AppParts } from './parts.ts'
import { answerProblems } from './problems.ts'
import { PasswordReset, ResetRequest } from './schemas/account.ts'
import { nothing } from './schemas/admin/words.ts'
import { administrative } from './schemas/admin.ts'
import { openProblems } from './schemas/problems.ts'
import { ref } from './schemas/words.ts'
import type { App } from './server.ts'
import { validateLazily } from './validation.ts'

const bodyLimit = 16 * 1024
const common = { tags: ['account'], security: [] }

/** `/account/password-reset`: for whoever has forgotten the password; nobody is logged in. */
export async function passwordResetRoutes(app: App, parts: AppParts): Promise<void> {
  await app.register(
    async (scope: App) => {
      answerProblems(scope)
      acceptJson(scope)
      validateLazily(scope, { schemas: administrative, allErrors: true })
      scope.addHook('onRequest', async (_request, reply) => {
        reply.header('cache-control', 'no-store').header('pragma', 'no-cache')
      })
      askRoute(scope, parts)
      confirmRoute(scope, parts)
    },
    { prefix: '/account/password-reset' }
  )
}

function askRoute(scope: App, parts: AppParts): void {
  const { login, audit, metrics, resets } = parts
  scope.post(
    '/',
    {
      prefixTrailingSlash: 'no-slash',
      bodyLimit,
      config: { rateLimit: addressLimit(parts) },
      schema: {
        operationId: 'askForPasswordReset',
        summary: 'Ask for a mail with the way to a new password',
        description: 'The same answer for everybody: whether somebody has that address is seen in their mail alone.',
        ...common,
        body: ref(ResetRequest),
        response: {
          202: Type.Object(
            {},
            { examples: [{}], description: 'If somebody has that address, a mail is on its way to them' }
          ),
          ...openProblems()
        }
      }
    },
    async (request, reply) => {
      const { email } = request.body
      const ip = addressOf(request)
      await countAsking(email, ip, login.limits)
      const trail = { kind: 'password_reset_request', request: request.id, ip } as const
      const { log } = request
      // after the answer: what it costs shows in no answer's time
      setImmediate(() => {
        resets
          .later(() => mailReset(email, trail, log, { ...resets.asking, audit, metrics }))
          .catch((err) =>
            log.error({ event: 'reset_failed', err }, 'a reset that was asked for could not be worked on')
          )
      })
      return reply.code(202).send({})
    }
  )
}

function confirmRoute(scope: App, parts: AppParts): void {
  const { login, admin, resets } = parts
  scope.post(
    '/confirm',
    {
      bodyLimit,
      config: { rateLimit: addressLimit(parts) },
      schema: {
        operationId: 'resetPassword',
        summary: 'Set a new password by the token of a mail; ends all sessions',
        description:
          'A token works once. `invalid-reset-token`: it was used, has had its time, or the account has changed since. ' +
          '`password-refused`: the password is not taken, for the `reason`; the token is good for another try.',
        ...common,
        body: ref(PasswordReset),
        response: { 204: nothing('It is set, and all sessions have ended'), ...openProblems() }
      }
    },
    async (request, reply) => {
      const { token, newPassword } = request.body
      await audited('password_reset', request, parts, ({ trail }) => {
        const tools = { ...resets.tools, passwords: login.passwords, policy: admin.passwordPolicy }
        return resetPassword(token, newPassword, { trail, log: request.log }, tools)
      })
      return reply.code(204).send(null)
    }
  )
}
