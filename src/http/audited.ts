import type { FastifyRequest } from 'fastify'
import type { Along, AuditKind, AuditOutcome, EndedAct, Trail } from '../auth/audit.ts'
import { traced } from '../auth/tracing.ts'
import { InvalidGrant, Refusal, SlowDown, TemporarilyUnavailable } from '../errors.ts'
import { addressOf } from './address.ts'
import type { AppParts } from './parts.ts'

/** What goes along with an act for its event. */
export interface Audited {
  readonly trail: Trail
  /** What is written with the event of a success. */
  readonly along: Along[]
  /** Writes a refusal down, once; see `RequestContext.refused`. */
  readonly refused: (error: unknown) => Promise<void>
}

/** Acts that end with an access token. */
const issuing: readonly AuditKind[] = ['login', 'refresh', 'exchange', 'client_token']

/**
 * Runs an act, and writes down how it ended before anybody is answered: where a success can't be written, it is none.
 * What the act noted on its trail is in the event; `isQuiet` says of a success that it is none to write down.
 * @throws {TemporarilyUnavailable} it can't be written down, and whatever `act` throws
 */
export async function audited<Answer>(
  kind: AuditKind,
  request: FastifyRequest,
  parts: AppParts,
  act: (audited: Audited) => Promise<Answer>,
  isQuiet: (answer: Answer) => boolean = () => false
): Promise<Answer> {
  const trail: Trail = { kind, request: request.id, ip: addressOf(request) }
  const along: Along[] = []
  let answer: Answer
  let written: Error | undefined
  const refused = async (error: unknown): Promise<void> => {
    // A grant may call a refusal by another name: it is one refusal all the same.
    if (!(error instanceof Error) || (written !== undefined && [error, error.cause].includes(written))) return
    written = error
    await recordRefusal(trail, error, request, parts)
  }
  try {
    answer = await act({ trail, along, refused })
    if (issuing.includes(kind) && trail.issued === undefined) throw new Error(`a token of ${kind} left no trail`)
  } catch (error) {
    await refused(error)
    throw error
  }
  if (isQuiet(answer) && along.length === 0) return answer
  try {
    const { issued, ...known } = trail
    await record({ ...known, ...issued, outcome: 'success' }, request, parts, along)
  } catch (error) {
    if (error instanceof InvalidGrant) await refused(error)
    throw error
  }
  return answer
}

/** Refusals by a limit are counted where they are answered. */
async function recordRefusal(trail: Trail, error: Error, request: FastifyRequest, parts: AppParts): Promise<void> {
  if (error instanceof SlowDown) return
  const { issued: _nobodyGotIt, ...known } = trail
  const found = error instanceof InvalidGrant ? await holderOf(trail, parts) : {}
  await record({ ...known, ...found, outcome: outcomeOf(error), reason: reasonOf(error) }, request, parts)
}

const record = (
  act: EndedAct,
  { span, log }: FastifyRequest,
  { audit }: AppParts,
  along: readonly Along[] = []
): Promise<void> => traced({ span }, 'audit.record', () => audit.record(act, log, along))

const reasonOf = (error: Error): string => {
  if (error instanceof InvalidGrant && error.reason !== undefined) return error.reason
  return error instanceof Refusal ? error.code : 'server_error'
}

function outcomeOf(error: Error): AuditOutcome {
  if (error instanceof TemporarilyUnavailable) return 'unavailable'
  return error instanceof Refusal ? 'refused' : 'failed'
}

/** Whose account it was that somebody tried. An account of our own may have no identity: nobody has logged in with it yet. */
async function holderOf({ user, backend, subject }: Trail, { login }: AppParts): Promise<Partial<Trail>> {
  if (user !== undefined || backend === undefined || subject === undefined) return {}
  const { store, chain } = login
  const isOwn = chain.some((link) => link.id === backend && link.backend.keepsOwnPasswords)
  const holder = await (isOwn ? store.byId(subject) : store.byIdentity(backend, subject)).catch(() => undefined)
  const seen = holder?.identities.find((identity) => identity.backend === backend && identity.subject === subject)
  const username = seen?.username ?? (isOwn ? holder?.email : undefined)
  return holder && username !== undefined ? { user: holder.id, username } : {}
}
