import { createHash, timingSafeEqual } from 'node:crypto'
import type { AuthenticateContext, HeaderCredentials, Identity, Verdict } from '../../auth/backend.ts'
import { defineBackend } from '../../auth/define-backend.ts'
import { createCidrMatcher } from '../../config/cidr.ts'
import { milliseconds } from '../../config/units.ts'
import { type HeaderFault, headerOf, singleHeader } from './headers.ts'
import { ProxyOptions, proxyMistakes } from './options.ts'
import { usernameCleaner } from './username.ts'
import { headerWords, type Refusal, refusalWords } from './words.ts'

/**
 * A proxy that has authenticated already and says in headers who it was (Django's RemoteUserBackend). It is known by the
 * address of its socket, by a secret header, or by both where both are configured.
 */
export const proxyBackend = defineBackend({
  mirrors: ({ headers }) => headers.groups !== undefined,
  options: ProxyOptions,
  mistakes: proxyMistakes,
  open(id, options) {
    const isProven = proofOf(options)
    const identityOf = identityReader(options)
    const maxAgeMs = milliseconds(options.maxAge)

    const authenticate = async (credentials: HeaderCredentials, context: AuthenticateContext): Promise<Verdict> => {
      const refuse = (reason: Refusal): Verdict => {
        context.trace?.({ step: 'headers', outcome: 'failed', ...refusalWords(reason, credentials, options) })
        const fields = { event: 'proxy_headers_refused', backend: id, reason, peer: credentials.peer }
        context.log.info(fields, 'headers of a proxy refused')
        return { outcome: 'unknown' }
      }
      const proof = isProven(credentials)
      if (proof !== 'proven') return refuse(proof)
      context.trace?.({ step: 'proxy', outcome: 'ok', text: `${credentials.peer} is the proxy` })
      const identity = identityOf(credentials)
      if (typeof identity === 'string') return refuse(`${identity}-username`)
      context.trace?.({ step: 'headers', outcome: 'ok', text: headerWords(identity, options) })
      await context.found(identity.subject)
      return { outcome: 'accepted', identity, proof: { until: Date.now() + maxAgeMs } }
    }

    return {
      takes: ['header'],
      allowsInactive: options.allowInactive,
      authenticate: async (credentials, context) =>
        credentials.kind === 'header' ? authenticate(credentials, context) : { outcome: 'unknown' }
    }
  }
})

function proofOf({ from, secretHeader }: ProxyOptions) {
  const isProxy = from === undefined ? () => true : createCidrMatcher(from)
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  const secret = secretHeader && { name: secretHeader.name.toLowerCase(), digest: digest(secretHeader.value.trim()) }

  return (credentials: HeaderCredentials): 'proven' | 'from-elsewhere' | 'wrong-secret' => {
    const peer = credentials.peer.replace(/%.*$/, '')
    if (!isProxy(peer)) return 'from-elsewhere'
    if (secret === undefined) return from === undefined ? 'from-elsewhere' : 'proven'
    const header = headerOf(credentials, secret.name)
    const isRight = timingSafeEqual(digest('value' in header ? header.value : ''), secret.digest)
    return isRight ? 'proven' : 'wrong-secret'
  }
}

/** Makes identities of headers, or says what is wrong with the one that names the user. */
function identityReader(options: ProxyOptions): (credentials: HeaderCredentials) => Identity | HeaderFault {
  const { headers, attributes = {}, groupsSeparator } = options
  const clean = usernameCleaner(options)
  const [usernameHeader, emailHeader, groupsHeader] = [headers.username, headers.email, headers.groups].map((name) =>
    name?.toLowerCase()
  )
  const fields = Object.entries({ ...(headers.name === undefined ? {} : { displayName: headers.name }), ...attributes })

  return (credentials) => {
    const textIn = (name: string | undefined, read = headerOf): string | undefined => {
      const header = name === undefined ? undefined : read(credentials, name)
      return header && 'value' in header ? header.value : undefined
    }
    const header = singleHeader(credentials, usernameHeader ?? '')
    if ('fault' in header) return header.fault
    const username = clean(header.value)
    if (username === undefined) return 'malformed'
    const email = textIn(emailHeader, singleHeader)
    const values = fields.flatMap(([field, name]) => {
      const value = textIn(name.toLowerCase())
      return value === undefined ? [] : [[field, value] as const]
    })
    return {
      subject: username,
      username,
      emails: email === undefined ? [] : [email],
      attributes: Object.fromEntries(values),
      ...(groupsHeader === undefined ? {} : { mirroredGroups: groupsIn(textIn(groupsHeader), groupsSeparator) })
    }
  }
}

const maxGroupLength = 150

/** Names that a group of ours can have, each once. */
function groupsIn(list: string | undefined, separator: string): string[] {
  const names = (list ?? '').split(separator).map((name) => name.trim())
  return [
    ...new Set(names.filter((name) => name !== '' && [...name].length <= maxGroupLength && !/\p{Cf}/u.test(name)))
  ]
}
