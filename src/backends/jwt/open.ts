import type {
  AuthenticateContext,
  Backend,
  BackendContext,
  Identity,
  RejectedReason,
  TokenCredentials,
  Verdict
} from '../../auth/backend.ts'
import type { BackendTools } from '../../auth/define-backend.ts'
import { BackendUnavailable } from '../../errors.ts'
import { type Kept, keep, keySetTimes } from '../../remote/kept.ts'
import { readUnverified, type UnverifiedJwt } from '../../unverified-jwt.ts'
import { expectedBy, leewaySeconds, type SoundClaims, soundClaims } from './claims.ts'
import { identityOf } from './identity.ts'
import { type IssuerKeys, keySource } from './keys.ts'
import type { JwtOptions } from './options.ts'
import { type Rights, recall, remember, rightsOf } from './rights.ts'
import { headerMistake, signatureMistake } from './signature.ts'
import { claimWords, mistakeIn, signatureWords, strangerWords } from './words.ts'

const maxTokenLength = 16 * 1024

/** Opens the backend; the issuer's keys are fetched when the first of its tokens comes. */
export function openJwt(
  id: string,
  options: JwtOptions,
  { log, singleUse, baseFolder, handedOn }: BackendTools
): Backend {
  if (options.singleUse && singleUse === undefined) throw new TypeError(`backend ${id} has nowhere to count its tokens`)
  const keysAfter = (before: Kept<IssuerKeys> | undefined): Kept<IssuerKeys> =>
    keep({
      fetch: keySource(options, baseFolder),
      failed: (err) =>
        log.warn({ err, event: 'issuer_keys_unavailable', backend: id }, "an issuer's keys could not be fetched"),
      times: keySetTimes,
      now: Date.now,
      before: before?.last()
    })
  const { issuer, jwks, algorithms, tls } = options
  const dependsOn = JSON.stringify([id, issuer, jwks, algorithms, tls, baseFolder])
  const keys = handedOn?.of(`jwt ${dependsOn}`, keysAfter) ?? keysAfter(undefined)
  const expected = expectedBy(options)

  const isFirstUse = async ({ jti = '', exp }: SoundClaims, isRehearsal: boolean): Promise<boolean> => {
    if (!options.singleUse) return true
    const owner = `backend\u0000${id}`
    if (isRehearsal) return (await singleUse?.wasUsed(owner, jti)) === false
    return (await singleUse?.use(owner, jti, (exp + leewaySeconds + 1) * 1000)) === true
  }

  const withRights = (identity: Identity, rights: Rights | undefined): Identity => {
    if (rights === undefined) return identity
    const remembered = remember(rights)
    if (remembered !== undefined) return { ...identity, remembered }
    const fields = { event: 'claims_too_long', backend: id, subject: identity.subject }
    log.warn(fields, 'permissions and groups of a token are too long, and none are taken over')
    return identity
  }

  const verify = async (
    { token, tokenType }: TokenCredentials,
    jwt: UnverifiedJwt,
    context: AuthenticateContext
  ): Promise<Verdict> => {
    const forged = headerMistake(jwt.header, tokenType) ?? (await signatureOf(id, token, jwt, keys, context))
    if (forged) return rejected(forged, context, mistakeIn(jwt, forged, options))
    context.trace?.({ step: 'signature', outcome: 'ok', text: signatureWords(jwt) })
    const presented = { tokenType, clientId: context.clientId, nowSeconds: Date.now() / 1000 }
    const sound = soundClaims(jwt.claims, expected, presented)
    if (typeof sound === 'string') return rejected(sound, context, mistakeIn(jwt, sound, options))
    context.trace?.({ step: 'claims', outcome: 'ok', text: claimWords(jwt) })
    const identity = identityOf(jwt.claims, options.claims)
    if (identity === undefined) return rejected('malformed', context, 'the claim of the subject holds nothing usable')
    await context.found(identity.subject)
    if (!(await isFirstUse(sound, context.isRehearsal === true)))
      return rejected('used-before', context, 'its `jti` was presented before, and `singleUse` is set')
    const until = (Math.min(sound.iat, presented.nowSeconds) + expected.maxAgeSeconds) * 1000
    return {
      outcome: 'accepted',
      identity: withRights(identity, rightsOf(jwt.claims, options, until)),
      proof: { until, expiresAt: sound.exp * 1000 }
    }
  }

  return {
    takes: ['token'],
    async authenticate(credentials, context) {
      if (credentials.kind !== 'token' || credentials.token.length > maxTokenLength) return { outcome: 'unknown' }
      const jwt = readUnverified(credentials.token)
      if (jwt?.claims.iss !== options.issuer) {
        context.trace?.({ step: 'token', outcome: 'note', text: strangerWords(jwt, options) })
        return { outcome: 'unknown' }
      }
      return verify(credentials, jwt, context)
    },
    async permissions({ subject, identity, remembered }) {
      return subject === null ? { grants: [] } : recall(identity?.remembered ?? remembered, Date.now())
    },
    async probe({ signal }) {
      await orUnavailable(id, keys.renewed(signal)).then(({ isCertain }) => {
        if (!isCertain) throw unavailable(id, keys.status().lastError)
      })
    },
    availability() {
      const { isFailing, lastError, since } = keys.status()
      return { state: isFailing ? 'half-open' : 'closed', lastError: lastError === null ? null : 'keys', since }
    }
  }
}

/** A key that is not there is looked for once more; where nobody can tell whether it is there by now, neither can we. */
async function signatureOf(
  backend: string,
  token: string,
  { header }: UnverifiedJwt,
  keys: Kept<IssuerKeys>,
  { signal }: BackendContext
): Promise<RejectedReason | undefined> {
  return orUnavailable(backend, verifySignature())

  async function verifySignature(): Promise<RejectedReason | undefined> {
    const mistake = await signatureMistake(token, header, await keys.current(signal))
    if (mistake !== 'no-key') return mistake
    const { value, isCertain } = await keys.renewed(signal)
    const again = await signatureMistake(token, header, value)
    if (again !== 'no-key') return again
    if (!isCertain) throw new Error('the key is not among the last known, and no others can be had')
    return 'unknown-key'
  }
}

async function orUnavailable<Value>(backend: string, work: Promise<Value>): Promise<Value> {
  try {
    return await work
  } catch (error) {
    throw unavailable(backend, error)
  }
}

const unavailable = (backend: string, cause: unknown): BackendUnavailable =>
  new BackendUnavailable(backend, { reason: 'keys', cause })

function rejected(reason: RejectedReason, { trace }: BackendContext, text: string): Verdict {
  trace?.({ step: 'token', outcome: 'failed', text })
  return { outcome: 'rejected', reason }
}
