import { readFile } from 'node:fs/promises'
import { type Command, InvalidArgumentError } from 'commander'
import { collect } from './administration.ts'
import { Misused, Refused } from './refused.ts'

/** What `clients create` and `clients change` may be told of a client. */
export interface DefinitionOptions {
  readonly authentication?: string
  readonly jwks?: string
  readonly jwksUri?: string
  readonly allowPrivate: readonly string[]
  readonly grant: readonly string[]
  readonly audience: readonly string[]
  readonly backend: readonly string[]
  readonly permission: readonly string[]
  readonly chooseBackend?: boolean
  readonly accessTtl?: string
  readonly refreshTtl?: string
  readonly limit?: string
  readonly forwardedFor: readonly string[]
}

const ways = ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none']
const waysAsText = `${ways.slice(0, -1).join(', ')} or ${ways.at(-1)}`

/** An empty one takes the client back to the default. @throws {InvalidArgumentError} it is none */
function way(text: string): string {
  if (text !== '' && !ways.includes(text)) throw new InvalidArgumentError(`expected ${waysAsText}`)
  return text
}

/** Adds everything that a configuration can say of a client. */
export function addDefinition(command: Command): Command {
  return command
    .option('--authentication <way>', `how it proves who it is: ${waysAsText}`, way)
    .option('--jwks <file>', 'its public keys in place of a secret: a JWK Set, or one key, in JSON (-: standard input)')
    .option('--jwks-uri <url>', 'where its public keys are, in place of --jwks')
    .option('--allow-private <cidr>', 'private addresses that --jwks-uri may have (again and again)', collect, [])
    .option('--grant <name>', 'what it may ask for; default: password and refresh_token (again and again)', collect, [])
    .option('--audience <id>', 'whom its tokens may be for, its default first (again and again)', collect, [])
    .option('--backend <id>', 'a backend that its users may log in at; default: all (again and again)', collect, [])
    .option('--choose-backend', 'may ask one backend only')
    .option('--permission <name>', 'its own, for client_credentials (again and again)', collect, [])
    .option('--access-ttl <duration>', 'how long its access tokens live: 5m')
    .option('--refresh-ttl <duration>', 'how long its sessions can be refreshed: 30d')
    .option('--limit <max/window>', 'its requests, over all addresses: 600/1m')
    .option('--forwarded-for <cidr>', "from where it may hand on the end user's address (again and again)", collect, [])
}

/**
 * What was said, as the configuration would have it; what was not said is left out, and an empty value is null: the default.
 * @throws {Refused} a file is none, or a value makes no sense
 */
export async function definitionOf(options: DefinitionOptions): Promise<Record<string, unknown>> {
  const { authentication, jwks, jwksUri, accessTtl, refreshTtl, limit, chooseBackend } = options
  const texts = { authentication, jwksUri, accessTtl, refreshTtl }
  const lists = {
    grants: options.grant,
    audiences: options.audience,
    backends: options.backend,
    permissions: options.permission,
    allowPrivate: options.allowPrivate,
    forwardedFor: options.forwardedFor
  }
  return {
    ...mapped(texts, (text) => (text === '' ? null : text)),
    ...mapped(lists, (list) => (list.length === 0 ? undefined : list.join('') === '' ? null : [...list])),
    ...(chooseBackend === undefined ? {} : { chooseBackend }),
    ...(jwks === undefined ? {} : { jwks: jwks === '' ? null : await keysIn(jwks) }),
    ...(limit === undefined ? {} : { limits: limit === '' ? null : rateOf(limit) })
  }
}

const mapped = <Value>(values: Readonly<Record<string, Value | undefined>>, as: (value: Value) => unknown) =>
  Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) => {
      const written = value === undefined ? undefined : as(value)
      return written === undefined ? [] : [[name, written]]
    })
  )

const maxFileBytes = 256 * 1024

async function keysIn(file: string): Promise<unknown> {
  const text = await (file === '-' ? inputText() : readFile(file, 'utf8')).catch((error: { code?: string }) => {
    throw new Refused(`--jwks: the file can't be read: ${error.code}`)
  })
  if (text.length > maxFileBytes) throw new Refused('--jwks: the file is too large')
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && 'kty' in value ? { keys: [value] } : value
  } catch {
    throw new Refused('--jwks: the file holds no JSON')
  }
}

const inputText = async (): Promise<string> => (await import('node:stream/consumers')).text(process.stdin)

function rateOf(text: string): { max: number; window?: string } {
  const [, max, window] = /^(\d{1,9})(?:\/(\w+))?$/.exec(text) ?? []
  if (max === undefined) throw new Misused('--limit: expected requests within a time, such as 600/1m')
  return { max: Number(max), ...(window === undefined ? {} : { window }) }
}
