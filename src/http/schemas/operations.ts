import Type from '../../schema/type.ts'

/** What a probe answers. */
export const Health = Type.Object(
  { status: Type.Enum(['ok', 'unavailable']) },
  { $id: 'Health', examples: [{ status: 'ok' }] }
)

/** The state of each backend, for people and for alarms. */
export const StatusAnswer = Type.Object(
  {
    status: Type.Enum(['ok', 'degraded']),
    version: Type.String(),
    database: Type.Enum(['ok', 'unavailable']),
    redis: Type.Optional(
      Type.Enum(['ok', 'unavailable'], { description: 'Where limits are counted; absent: in this process' })
    ),
    backends: Type.Array(
      Type.Object({
        id: Type.String(),
        type: Type.String(),
        answers: Type.Boolean({ description: 'Whether it answers at this moment' }),
        state: Type.Enum(['closed', 'open', 'half-open']),
        last_error: Type.Union([Type.String(), Type.Null()]),
        since: Type.Union([Type.String({ format: 'date-time' }), Type.Null()])
      })
    )
  },
  {
    $id: 'Status',
    examples: [
      {
        status: 'degraded',
        version: '0.1.0',
        database: 'ok',
        backends: [
          {
            id: 'corp',
            type: 'ldap',
            answers: false,
            state: 'open',
            last_error: 'connect',
            since: '2026-11-22T01:35:54.698Z'
          },
          { id: 'local', type: 'local', answers: true, state: 'closed', last_error: null, since: null }
        ]
      }
    ]
  }
)
