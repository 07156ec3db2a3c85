import { isIP } from 'node:net'
import { text } from 'node:stream/consumers'
import type { HeaderCredentials } from '../auth/backend.ts'
import type { ExplainRequest } from '../auth/explain.ts'
import type { Config } from '../config/config.ts'
import { readUnverified } from '../unverified-jwt.ts'
import { readPassword } from './passwords.ts'
import { Misused, Refused } from './refused.ts'

/** How credentials come to `latchkey explain`; whatever is secret by standard input only. */
export interface PresentedOptions {
  readonly passwordStdin?: boolean
  readonly tokenStdin?: boolean
  /** Absent: `jwt`. */
  readonly tokenType?: string
  readonly header?: readonly string[]
  readonly headersStdin?: boolean
  readonly ip?: string
}

type Presented = ExplainRequest['presented']
type Header = readonly [name: string, value: string]

/**
 * What is presented: a login name, with a password or without, or a token, or headers; one of them.
 * @throws {Refused} it is malformed, or a secret stands on the command line; a usage error where it is not one of them
 */
export async function presentedBy(
  username: string | undefined,
  options: PresentedOptions,
  config: Config
): Promise<Presented> {
  const { tokenStdin = false, tokenType, headersStdin = false, header = [], passwordStdin = false, ip } = options
  const isHeader = headersStdin || header.length > 0
  if ([username !== undefined, tokenStdin, isHeader].filter(Boolean).length !== 1)
    throw new Misused('name a user, or give --token-stdin, or headers: one of the three')
  if (passwordStdin && username === undefined) throw new Misused('--password-stdin goes with a user name')
  if (tokenType !== undefined && !tokenStdin) throw new Misused('--token-type goes with --token-stdin')
  if (ip !== undefined && isIP(ip) === 0) throw new Misused('--ip takes an address')
  if (tokenStdin) return tokenFrom(await text(process.stdin), tokenType, config)
  if (isHeader) return headersFrom(header, headersStdin ? await text(process.stdin) : '', options, config)
  const name = { username: username ?? '' }
  const password = passwordStdin ? await readPassword({ passwordStdin }) : undefined
  return password === undefined ? { kind: 'name', ...name } : { kind: 'password', ...name, password }
}

function tokenFrom(input: string, tokenType = 'jwt', { issuer }: Config): Presented {
  const token = input.trim()
  if (token === '') throw new Refused('the token is empty')
  if (readUnverified(token)?.claims.iss === issuer)
    throw new Refused(
      'this token is one of ours: no backend is asked about it. `latchkey explain EMAIL` tells of its user'
    )
  return { kind: 'token', token, tokenType: `urn:ietf:params:oauth:token-type:${tokenType}` }
}

function headersFrom(
  given: readonly string[],
  input: string,
  { ip = '127.0.0.1' }: PresentedOptions,
  config: Config
): HeaderCredentials {
  const onCommandLine = given.map((line) => headerIn(line, '='))
  const secrets = secretHeaders(config)
  for (const [name] of onCommandLine) {
    if (secrets.has(name)) throw new Refused(`${name} holds a secret: give it by --headers-stdin`)
  }
  const lines = input.split(/\r?\n/).filter((line) => line.trim() !== '')
  return { kind: 'header', headers: [...onCommandLine, ...lines.map((line) => headerIn(line, ':'))], peer: ip }
}

/** As node:http has it: the name in lower case, the bytes of the value as Latin-1. @throws {Refused} it is none */
function headerIn(line: string, separator: ':' | '='): Header {
  const at = line.indexOf(separator)
  const name = line.slice(0, Math.max(0, at)).trim()
  const value = line.slice(at + 1).trim()
  if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name) || /[\r\n\0]/.test(value))
    throw separator === '='
      ? new Misused('--header takes NAME=VALUE')
      : new Refused('--headers-stdin takes lines of NAME: VALUE')
  return [name.toLowerCase(), Buffer.from(value).toString('latin1')]
}

/** The headers that hold a secret by what they are, or by the configuration. */
function secretHeaders({ backends }: Config): ReadonlySet<string> {
  const configured = backends.map(({ options }) => Object(Object(options).secretHeader).name)
  const named = configured.filter((name) => typeof name === 'string').map((name) => name.toLowerCase())
  return new Set(['authorization', 'proxy-authorization', 'cookie', ...named])
}
