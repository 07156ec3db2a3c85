import { auditKinds } from '../../../auth/audit.ts'
import Type from '../../../schema/type.ts'
import { Time } from './words.ts'

const text = (description: string) => Type.Optional(Type.String({ description }))

/** An event of the audit; what does not apply is left out. */
export const AuditRecord = Type.Object(
  {
    id: Type.String({ description: 'Newer events have greater ones' }),
    at: Time,
    kind: Type.Enum([...auditKinds]),
    outcome: Type.Enum(['success', 'refused', 'unavailable', 'failed']),
    reason: text('Why not'),
    actor: text('Who did it, where that is not the user: console, service, or the id of a user'),
    user: text("The user's id"),
    username: text('The login name as the backend has it'),
    backend: text('The backend that authenticated, or that was tried first'),
    subject: text("That backend's id for the account"),
    client: text("The client's id"),
    ip: text("The end user's address"),
    audience: text('What the token is for'),
    session: text('The claim sid'),
    jti: text('The claim jti of the access token'),
    request: text('The request id'),
    action: text('Of administration: what was done'),
    target: text('Of administration: to what, beside a user'),
    details: Type.Optional(Type.Record(Type.String(), Type.Unknown(), { description: 'Names of what was changed' }))
  },
  {
    $id: 'AuditRecord',
    examples: [
      {
        ...{
          id: '01a20208-8dfb-7543-ad4c-038bbb0f4783',
          at: '2026-11-22T06:54:04.795Z',
          kind: 'login',
          outcome: 'refused'
        },
        ...{ reason: 'wrong-password', user: '01a20208-8cd9-7622-8145-db76208f358c', username: 'ann@example.com' },
        ...{ backend: 'local', subject: '01a20208-8cd9-7622-8145-db76208f358c', client: 'public', ip: '127.0.0.1' },
        request: 'a356f0e0-5945-40b3-b15e-d627a707e9a0'
      }
    ]
  }
)
