import type { Static } from 'typebox'
import Type from '../schema/type.ts'
import { accessSections } from './access-schema.ts'
import { backendList } from './backend-schema.ts'
import { Limits } from './limits-schema.ts'
import { Mail } from './mail-schema.ts'
import { Cidr, text } from './names.ts'
import { section } from './section.ts'
import { Telemetry } from './telemetry.ts'
import { duration } from './units.ts'
import { webhookList } from './webhook-schema.ts'

const Ranges = (description: string) =>
  Type.Array(Cidr, { default: [], description, expected: 'a list of addresses and CIDRs such as [10.0.0.0/8]' })

const secretBytes = { minLength: 1, expected: 'a random text of at least 32 bytes' }

const Listen = section('Where the service listens.', {
  host: text({ default: '127.0.0.1', description: 'Address or host name to bind.' }),
  port: Type.Integer({ default: 8000, minimum: 1, maximum: 65535, description: 'TCP port.' }),
  trustedProxies: Ranges(
    'Proxies whose X-Forwarded-… headers are believed. CIDRs only: a number of hops can be spoofed.'
  )
})

const Database = section('Where users, keys and sessions are kept.', {
  url: text({ default: 'file:data/latchkey.db', description: 'file:PATH (SQLite) or mysql://user@host/name.' }),
  password: Type.Optional(text({ description: 'The password for MySQL, where it does not stand in the URL.' }))
})

const Login = section('How long a login may and must take.', {
  timeout: duration({ default: '5s', description: 'The deadline of a login over all backends, 60s at most.' }),
  failureFloor: duration({ default: '250ms', description: 'No failed login is answered sooner.' })
})

const Tokens = section('Access and refresh tokens.', {
  accessTtl: duration({ default: '10m', description: 'How long an access token lives, 24h at most.' }),
  refreshTtl: duration({ default: '30d', description: 'How long a session can be refreshed at all.' }),
  refreshIdleTtl: duration({ default: '7d', description: 'How long a refresh token lives unused.' }),
  algorithm: Type.Enum(['ES256', 'RS256', 'EdDSA'], { default: 'ES256', description: 'What new keys sign with.' }),
  rotate: Type.Union([Type.Literal(false), duration()], {
    default: '30d',
    expected: 'a duration such as 30d, or false',
    description: 'How long a key signs before the next one does; false: until somebody rotates it.'
  }),
  keys: Type.Array(
    Type.Object(
      { file: text({ description: 'PEM or JWK: EC on P-256, RSA from 2048 bits, or Ed25519, without a passphrase.' }) },
      { additionalProperties: false }
    ),
    { default: [], maxItems: 3, description: 'Private keys of your own to sign with, one an algorithm.' }
  ),
  maxBytes: Type.Integer({
    default: 8192,
    minimum: 1024,
    maximum: 65536,
    description: 'A larger access token carries permissions_digest in place of its permissions.'
  })
})

const Passwords = section('What passwords must be, how they are hashed (argon2id), and how many at once.', {
  minLength: Type.Integer({
    default: 15,
    minimum: 8,
    maximum: 128,
    description: 'Characters that a new password has at least, wherever one is set.'
  }),
  resetTtl: duration({ default: '1h', description: 'How long the link to a new password works, 1m to 7d.' }),
  resetUrl: Type.Optional(
    text({ description: 'Where the link leads: a page of yours, with {token} in it, after the host.' })
  ),
  resetElsewhere: Type.Record(Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$' }), text(), {
    default: {},
    keys: 'the id of a backend',
    description: 'Where people of a backend get a new password, by its id: a URL or words, told in the mail.'
  }),
  memory: Type.Integer({ default: 19456, minimum: 7168, maximum: 131072, description: 'Memory of one hash in KiB.' }),
  iterations: Type.Integer({ default: 2, minimum: 1, maximum: 10, description: 'Passes over the memory.' }),
  parallelism: Type.Integer({ default: 1, minimum: 1, maximum: 4, description: 'Lanes of one hash.' }),
  concurrency: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 256, description: 'Hashes at once. Default: as many as there are cores.' })
  ),
  queue: Type.Integer({
    default: 1000,
    minimum: 1,
    maximum: 65536,
    description: 'Hashes that may wait for their turn.'
  }),
  queueTimeout: duration({
    default: '1300ms',
    description: "How long one waits before it is answered 503; no longer than its backend's timeout."
  })
})

const Audit = section('What was done, and by whom.', {
  retention: Type.Union([Type.Literal(false), duration()], {
    default: '90d',
    expected: 'a duration such as 90d, or false',
    description: 'How long events are kept; false: until somebody removes them.'
  }),
  refusalsPerMinute: Type.Integer({
    default: 600,
    minimum: 1,
    maximum: 1_000_000,
    description:
      'Refusals that one process writes down; more are counted only. Where an account is known, as many again.'
  })
})

/** The configuration as it is written, with its defaults. Backends are checked each by its own type's schema beside it. */
export const ConfigFile = Type.Object(
  {
    issuer: Type.Optional(
      text({
        expected: 'an https URL such as https://auth.example.com',
        description: 'The public URL, which stands in every token. Default, on loopback only: http://localhost:PORT.'
      })
    ),
    listen: Listen,
    ops: section('Operations.', { from: Ranges('Who may read /status and /metrics, beside loopback.') }),
    secret: Type.Optional(
      Type.Union([Type.String(secretBytes), Type.Array(Type.String(secretBytes), { minItems: 1, maxItems: 5 })], {
        expected: 'a random text of at least 32 bytes, or a list of them, the new one first',
        description: 'Seals signing keys at rest. Absent, with SQLite only: made and kept beside the database.'
      })
    ),
    database: Database,
    backends: backendList,
    login: Login,
    tokens: Tokens,
    ...accessSections,
    passwords: Passwords,
    limits: Limits,
    mail: Mail,
    audit: Audit,
    webhooks: webhookList,
    telemetry: Telemetry,
    log: section('The log on standard output.', {
      level: Type.Enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal'], {
        default: 'info',
        description: 'From which level on.'
      })
    })
  },
  { additionalProperties: false }
)

/** The configuration as it is written, with its defaults filled in. */
export type ConfigFile = Static<typeof ConfigFile>
