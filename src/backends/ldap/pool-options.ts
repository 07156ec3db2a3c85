import { duration } from '../../config/units.ts'
import Type from '../../schema/type.ts'

/** Limits of the connections, as they are configured. */
export const Pool = Type.Object(
  {
    min: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 1000,
        description: 'Kept at hand, per server, for searches and for binds each. Default: 0.'
      })
    ),
    max: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 1000,
        description: 'Per server, for searches and for binds each. Default: 16.'
      })
    ),
    maxWaiting: Type.Optional(
      Type.Integer({ minimum: 0, description: 'How many wait for a connection. Default: 1000.' })
    ),
    wait: Type.Optional(duration({ description: 'How long they wait. Default: 5s.' })),
    idle: Type.Optional(duration({ description: "Below the server's own idle limit. Default: 60s." })),
    maxAge: Type.Optional(duration({ description: 'After which a connection is made anew. Default: 15m.' })),
    checkAfter: Type.Optional(
      duration({ description: 'Unused for so long, a connection is tried before it is used. Default: 30s.' })
    )
  },
  { additionalProperties: false, description: 'Limits of the connections.' }
)
