import Type from '../../../schema/type.ts'
import { closed, ref } from '../words.ts'
import { Time, TimeOrNull } from './words.ts'

const algorithms = ['ES256', 'RS256', 'EdDSA'] as const

/** A key that tokens are signed with; its private half is never shown. */
export const SigningKey = Type.Object(
  {
    kid: Type.String(),
    algorithm: Type.Enum(algorithms),
    state: Type.Enum(['current', 'next', 'retired', 'revoked']),
    own: Type.Boolean({ description: 'It comes from a file of the configuration' }),
    createdAt: Time,
    activatedAt: TimeOrNull,
    retiredAt: TimeOrNull
  },
  {
    $id: 'SigningKey',
    examples: [
      {
        kid: '9O8Uu0uEVZTHMhYQ4wEVrnHQAZWQnSdYtWAYRrTCVtA',
        algorithm: 'ES256',
        state: 'current',
        own: false,
        createdAt: '2026-11-22T06:00:00.000Z',
        activatedAt: '2026-11-22T06:00:00.000Z',
        retiredAt: null
      }
    ]
  }
)

/** Which keys are to be rotated, and how soon. */
export const KeyRotation = Type.Object(
  {
    algorithm: Type.Optional(Type.Enum(algorithms, { description: 'This one only' })),
    now: Type.Boolean({
      default: false,
      description: 'Sign with it at once: whoever caches the key set refuses its tokens until the cache is renewed'
    })
  },
  { $id: 'KeyRotation', ...closed, examples: [{ now: false }] }
)

/** The keys that sign next, or now. */
export const RotatedKeys = Type.Object({ items: Type.Array(ref(SigningKey)) }, { $id: 'RotatedKeys' })
