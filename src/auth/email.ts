import { toASCII } from 'tr46'
import { InvalidGrant } from '../errors.ts'
import type { Identity } from './backend.ts'
import type { Link } from './link.ts'

const maxBytes = 254
const invisible = /[\p{Cc}\p{Cs}\p{Cf}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}\ufffd]/u
// of the symbols, < and > stand in quotes only (RFC 5322 3.2.3)
const localPart = /^(?!.*[<>])[\p{L}\p{M}\p{N}\p{S}\p{Pc}\p{Pd}.!#%&'*/?]+$/u

const isAddress = /(^|\.)\d+$/
const edgeHyphen = /(^|\.)-|-(\.|$)/

/** An address as it is compared, and whether the backend that brought it vouches for it. */
export interface VouchedEmail {
  readonly value: string
  readonly vouched: boolean
}

/**
 * The one spelling of an e-mail address: trimmed, NFKC, lower case, its domain in ASCII by UTS 46 without a trailing dot,
 * at most 254 bytes (RFC 5321 4.5.3.1.3). Idempotent; two that differ afterwards are two people.
 * `undefined` for what is no address, or carries control, bidi, zero-width or unassigned look-alike characters.
 * Dots may stand anywhere in the local part, as in mailboxes that exist; quoted local parts and address literals are refused.
 */
export function canonicalEmail(text: string): string | undefined {
  if (text.length > 4 * maxBytes || invisible.test(text)) return undefined
  const folded = foldCase(text.trim())
  if (folded === undefined || invisible.test(folded)) return undefined
  const at = folded.indexOf('@')
  if (at < 1 || at !== folded.lastIndexOf('@')) return undefined
  const local = folded.slice(0, at)
  const domain = canonicalDomain(folded.slice(at + 1))
  if (domain === undefined || !localPart.test(local)) return undefined
  const email = `${local}@${domain}`
  return Buffer.byteLength(email) <= maxBytes ? email : undefined
}

/** A domain in ASCII by UTS 46, lower case, without a trailing dot; `undefined` for what is none, or is an IPv4 address. */
export function canonicalDomain(text: string): string | undefined {
  if (knownDomains.has(text)) return knownDomains.get(text)
  const domain = asciiDomain(text)
  if (knownDomains.size === maxKnownDomains) knownDomains.clear()
  knownDomains.set(text, domain)
  return domain
}

/** Most logins are from a handful of domains, and UTS 46 walks each character through its tables. */
const knownDomains = new Map<string, string | undefined>()
const maxKnownDomains = 256

function asciiDomain(text: string): string | undefined {
  const ascii = toASCII(text, { checkBidi: true, checkJoiners: true, useSTD3ASCIIRules: true, verifyDNSLength: true })
  if (ascii === null || isAddress.test(ascii) || edgeHyphen.test(ascii)) return undefined
  return ascii
}

/**
 * The user's address from what a backend said: the only one of its values, or with `prefer: domain` the only one in the
 * first of `email.domains` that has any, or `email.fallback` where it gave none.
 * @throws {InvalidGrant} where none is usable, several tie, or the address is outside `email.domains`
 */
export function emailOf(identity: Identity, link: Link): VouchedEmail {
  const given = [...new Set(identity.emails.map(canonicalEmail).filter((email) => email !== undefined))]
  const values = given.length > 0 ? given : fallbackOf(identity, link)
  const chosen =
    values.length > 1 && link.email.prefer === 'domain' ? preferred(values, link.email.domains ?? []) : values
  const [value] = chosen
  if (value === undefined)
    throw new InvalidGrant(`backend ${link.id} gave no usable e-mail address`, { reason: 'no-email' })
  if (chosen.length > 1)
    throw new InvalidGrant(`backend ${link.id} gave several e-mail addresses that tie`, { reason: 'no-email' })
  const listed = link.email.domains?.includes(domainOf(value))
  if (listed === false)
    throw new InvalidGrant(`backend ${link.id} gave an e-mail address outside email.domains`, { reason: 'no-email' })
  // what is verified is the address that came, not one that was put together of other words
  const isVerified = identity.emailVerified === true && given.length > 0
  return { value, vouched: vouches(identity, link, { listed: listed === true, isVerified }) }
}

function vouches(
  { emailVerified }: Identity,
  link: Link,
  { listed, isVerified }: { readonly listed: boolean; readonly isVerified: boolean }
): boolean {
  if (emailVerified === false) return false
  if (link.vouches === 'always') return true
  return listed && (link.vouches === 'by-domain' || isVerified)
}

function fallbackOf(identity: Identity, link: Link): string[] {
  if (link.email.fallback === undefined) return []
  const filled = fill(link.email.fallback, identity)
  const fallback = filled === undefined ? undefined : canonicalEmail(filled)
  return fallback === undefined ? [] : [fallback]
}

/** The names in braces. */
export const namesIn = (template: string): string[] =>
  [...template.matchAll(/\{([^{}]+)\}/g)].map(([, name]) => name ?? '')

/** Replaces `{name}` by the source's attribute, `{username}` by the login name; nothing where one of them is missing. */
function fill(template: string, { username, source = {} }: Identity): string | undefined {
  const values: Record<string, string> = { username, ...source }
  if (namesIn(template).some((name) => !Object.hasOwn(values, name))) return undefined
  return template.replace(/\{([^{}]+)\}/g, (_, name: string) => values[name] ?? '')
}

function preferred(values: readonly string[], domains: readonly string[]): readonly string[] {
  const first = domains.find((domain) => values.some((value) => domainOf(value) === domain))
  return first === undefined ? values : values.filter((value) => domainOf(value) === first)
}

function domainOf(email: string): string {
  return email.slice(email.indexOf('@') + 1)
}

/** NFKC and lower case until neither changes anything: one may undo the other's form. */
function foldCase(text: string): string | undefined {
  let before = text
  for (let round = 0; round < 4; round++) {
    const after = before.normalize('NFKC').toLowerCase().normalize('NFKC')
    if (after === before) return after
    before = after
  }
  return undefined
}

/** What somebody typed of an e-mail's beginning, as it begins where it is kept. */
export const emailPrefix = (typed: string): string => typed.normalize('NFKC').trim().toLowerCase()
