import type { Static } from 'typebox'
import type { OptionMistake } from '../../auth/define-backend.ts'
import { isLoopback } from '../../config/cidr.ts'
import { text } from '../../config/names.ts'
import Type from '../../schema/type.ts'

const file = (description: string) => Type.Optional(text({ maxLength: 4096, description }))

const Tls = Type.Object(
  {
    ca: file('PEM file of the authorities to trust. Default: those that Node.js trusts.'),
    cert: file('PEM file of the client certificate.'),
    key: file("PEM file of the client certificate's key."),
    serverName: Type.Optional(
      text({ description: "The name that the certificate must carry. Default: the URL's host." })
    ),
    minVersion: Type.Optional(Type.Enum(['TLSv1.2', 'TLSv1.3'], { description: 'Default: TLSv1.2.' }))
  },
  { additionalProperties: false, description: 'How the service is trusted.' }
)

/** The options of a service that decides. */
export const HttpOptions = Type.Object(
  {
    url: text({
      expected: 'an https URL (http on loopback only)',
      description: 'Where questions are posted to: https, or http on loopback.'
    }),
    secret: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 1024,
        expected: 'a random text of at least 32 bytes',
        description: 'Signs the questions; the service has the same.'
      })
    ),
    tls: Type.Optional(Tls),
    attributes: Type.Optional(
      Type.Record(
        Type.String({ pattern: '^[a-z][A-Za-z0-9_]{0,62}$' }),
        Type.String({ minLength: 1, maxLength: 255 }),
        { keys: 'the name of a field', description: 'What fields are called in its answers, where otherwise.' }
      )
    )
  },
  { additionalProperties: false }
)

/** The same as a type. */
export type HttpOptions = Static<typeof HttpOptions>

const leastSecretBytes = 32

/** Contradictions and dangers. */
export function httpMistakes(options: HttpOptions): OptionMistake[] {
  const { secret } = options
  const url = URL.canParse(options.url) ? new URL(options.url) : undefined
  const isHttps = url?.protocol === 'https:'
  const isLocal = url !== undefined && isLoopback(url.hostname)
  if (url === undefined || !(isHttps || (url.protocol === 'http:' && isLocal)))
    return [{ path: '/url', message: 'expected an https URL (http on loopback only)' }]
  const found: Array<readonly [wrong: boolean, path: string, message: string]> = [
    [url.username !== '' || url.password !== '', '/url', 'expected no user name and no password'],
    [url.hash !== '', '/url', 'expected no fragment'],
    [
      secret !== undefined && Buffer.byteLength(secret) < leastSecretBytes,
      '/secret',
      `too short: expected a random text of at least ${leastSecretBytes} bytes`
    ],
    [
      secret === undefined && options.tls?.cert === undefined && !isLocal,
      '/secret',
      'is missing, and so is tls.cert: anybody could ask the service'
    ],
    ...tlsMistakes(options, isHttps)
  ]
  return found.flatMap(([wrong, path, message]) => (wrong ? [{ path, message }] : []))
}

function tlsMistakes({ tls }: HttpOptions, isHttps: boolean) {
  return [
    [tls !== undefined && !isHttps, '/tls', 'is for https alone'],
    [tls?.key !== undefined && tls.cert === undefined, '/tls/key', 'needs tls.cert beside it'],
    [tls?.cert !== undefined && tls.key === undefined, '/tls/cert', 'needs tls.key beside it']
  ] as const
}
