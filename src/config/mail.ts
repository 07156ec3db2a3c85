import { resolve } from 'node:path'
import { canonicalEmail } from '../auth/email.ts'
import { keyOf } from '../remote/standard-webhooks.ts'
import { isLoopback } from './cidr.ts'
import type { MailConfig } from './config.ts'
import type { Finding } from './config-error.ts'
import { brokenEscape, hasBrokenEscape } from './escapes.ts'
import { pemMistake } from './pem-file.ts'
import type { ConfigFile } from './schema.ts'
import { milliseconds } from './units.ts'

const at = (key: string, wrong: boolean, message: string): Finding[] =>
  wrong ? [{ path: ['mail', ...key.split('.')], message }] : []

/** What is wrong with mails, and with the links in them. */
export function mailFindings({ mail, passwords, backends }: ConfigFile): Finding[] {
  const { resetUrl, resetElsewhere, resetTtl } = passwords
  const ids = backends.map((backend) => Reflect.get(Object(backend), 'id'))
  const link = (wrong: boolean, message: string): Finding[] =>
    wrong ? [{ path: ['passwords', 'resetUrl'], message }] : []
  return [
    ...(mail ? sectionFindings(mail) : []),
    ...link(mail?.url !== undefined && resetUrl === undefined, 'is missing: mails need it for their link'),
    ...link(
      resetUrl !== undefined && !isSafeLink(resetUrl),
      'expected an https URL with {token} in it, such as https://app.example.com/reset#{token}'
    ),
    ...Object.keys(resetElsewhere)
      .filter((id) => !ids.includes(id))
      .map((id) => ({ path: ['passwords', 'resetElsewhere', id], message: 'there is no such backend' })),
    ...(milliseconds(resetTtl) < milliseconds('1m') || milliseconds(resetTtl) > milliseconds('7d')
      ? [{ path: ['passwords', 'resetTtl'], message: 'expected 1m to 7d' }]
      : [])
  ]
}

function isSafeLink(link: string): boolean {
  const [before = '', ...rest] = link.split('{token}')
  if (rest.length !== 1 || !URL.canParse(link.replace('{token}', 'x'))) return false
  const { protocol, hostname } = new URL(link.replace('{token}', 'x'))
  // the token belongs behind the host
  return (
    (protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname))) && /^\w+:\/\/[^/?#]+[/?#]/.test(before)
  )
}

function sectionFindings(mail: NonNullable<ConfigFile['mail']>): Finding[] {
  const { url, from, webhook, insecure, tls, password } = mail
  const server = url !== undefined && URL.canParse(url) ? new URL(url) : undefined
  const isServer = server !== undefined && /^smtps?:$/.test(server.protocol) && server.hostname !== ''
  const isPlainHook = webhook !== undefined && !isSafe(webhook.url) && !(insecure && /^http:/.test(webhook.url))
  return [
    ...at('url', (url === undefined) === (webhook === undefined), 'expected either url or webhook'),
    ...at('url', url !== undefined && !isServer, 'expected smtp://[USER@]HOST[:PORT] or smtps://…'),
    ...at('url', hasBrokenEscape(server), brokenEscape),
    ...at('from', url !== undefined && !isSender(from), 'expected an address such as Example <no-reply@example.com>'),
    ...at('password', password !== undefined && !server?.username, 'is for a user in mail.url'),
    ...at('password', password !== undefined && Boolean(server?.password), 'stands in the URL already'),
    ...at('tls', tls !== undefined && insecure, 'contradicts insecure: true'),
    ...at('webhook.url', isPlainHook, 'expected an https URL: http is for loopback only, or insecure: true'),
    ...at(
      'webhook.secret',
      webhook !== undefined && mailKey(webhook.secret) === undefined,
      'expected whsec_ and 24 to 64 random bytes in base64, or 24 bytes and more as they are'
    )
  ]
}

/** What is wrong with the file that it names. */
export function mailFileFindings({ mail }: ConfigFile, folder: string): Finding[] {
  const ca = mail?.tls?.ca
  const mistake = ca === undefined ? undefined : pemMistake(resolve(folder, ca))
  return mistake === undefined ? [] : at('tls.ca', true, mistake)
}

function mailKey(secret: string): Buffer | undefined {
  if (secret.startsWith('whsec_')) return keyOf(secret)
  const key = Buffer.from(secret)
  return key.length >= 24 ? key : undefined
}

function isSafe(url: string): boolean {
  if (!URL.canParse(url)) return false
  const { protocol, hostname } = new URL(url)
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname))
}

const isSender = (from: string | undefined): boolean =>
  from !== undefined && canonicalEmail(/<([^<>]+)>$/.exec(from)?.[1] ?? from) !== undefined

/** The section as the service uses it. */
export function mailOf(mail: ConfigFile['mail'], folder: string): MailConfig | undefined {
  if (mail === undefined) return undefined
  const { url, password, from, insecure, tls, templates, webhook } = mail
  const timeoutMs = milliseconds(mail.timeout)
  if (webhook) {
    const keys = [webhook.secret].flatMap((secret) => mailKey(secret) ?? [])
    return { webhook: { url: webhook.url, keys, timeoutMs } }
  }
  const isNear = url !== undefined && URL.canParse(url) && isLoopback(new URL(url).hostname)
  const isPlain = insecure || (isNear && tls === undefined && url?.startsWith('smtp:'))
  const ca = tls?.ca === undefined ? undefined : resolve(folder, tls.ca)
  return {
    smtp: { url: url ?? '', password, from: from ?? '', tls: isPlain ? false : { ...tls, ca }, timeoutMs },
    ...(templates !== undefined && { templates: resolve(folder, templates) })
  }
}
