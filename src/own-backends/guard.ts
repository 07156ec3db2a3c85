import type { Backend } from '../auth/backend.ts'
import { type BackendDefinition, defineBackend, type OptionMistake } from '../auth/define-backend.ts'
import {
  availabilityCheck,
  backendCheck,
  type Check,
  identityAnswerCheck,
  passwordChangeCheck,
  permissionCheck,
  verdictCheck
} from './answers.ts'
import { BackendMistake } from './mistake.ts'
import { attempt, authenticated, checked, listed, outside, settled } from './questions.ts'

/**
 * A module's definition as the service uses it: whatever its code throws or answers that it should not is a
 * `BackendMistake` with the file's name. No answer is believed before its shape is checked.
 */
export function contain(file: string, definition: BackendDefinition): BackendDefinition {
  const { options, vouches, open } = defineBackend(definition)
  return {
    options,
    ...(vouches && { vouches }),
    mistakes: (values) => mistakesOf(file, definition, values),
    open(id, values, tools) {
      const backend = attempt(file, 'open', () => open(id, values, tools))
      return guarded(file, id, checked(file, 'open', backend, backendCheck))
    }
  }
}

function mistakesOf(file: string, { mistakes }: BackendDefinition, options: unknown): readonly OptionMistake[] {
  const found: unknown = mistakes && attempt(file, 'mistakes', () => mistakes(options))
  if (found === undefined) return []
  const isList =
    Array.isArray(found) && found.every((one) => typeof one?.path === 'string' && typeof one.message === 'string')
  if (!isList) throw new BackendMistake(file, 'mistakes answered something else than a list of { path, message }')
  return found
}

function guarded(file: string, id: string, backend: Backend): Backend {
  const ask = async <Answer>(name: string, check: Check, question: () => Promise<Answer>): Promise<Answer> =>
    checked(file, name, await settled(file, id, name, question), check)
  const { lookUp, identity, identities, permissions, changePassword, probe, availability, close } = backend
  return {
    takes: [...backend.takes],
    ...(backend.allowsInactive && { allowsInactive: true }),
    ...(backend.authorizesAll && { authorizesAll: true }),
    authenticate: (credentials, context) =>
      authenticated(file, context, (own) =>
        ask('authenticate', verdictCheck, () => backend.authenticate(credentials, own))
      ),
    ...(lookUp && { lookUp: (name, context) => ask('lookUp', verdictCheck, () => lookUp(name, outside(context))) }),
    ...(identity && {
      identity: (subject, context) => ask('identity', identityAnswerCheck, () => identity(subject, outside(context)))
    }),
    ...(identities && { identities: (context) => listed(file, id, () => identities(outside(context))) }),
    ...(permissions && {
      permissions: (request, context) =>
        ask('permissions', permissionCheck, () => permissions(request, outside(context)))
    }),
    ...(changePassword && {
      changePassword: (subject, old, next, context) =>
        ask('changePassword', passwordChangeCheck, () => changePassword(subject, old, next, outside(context)))
    }),
    ...(probe && { probe: async (context) => settled(file, id, 'probe', () => probe(outside(context))) }),
    ...(availability && {
      availability: () => checked(file, 'availability', attempt(file, 'availability', availability), availabilityCheck)
    }),
    ...(close && { close: () => settled(file, id, 'close', close) })
  }
}
