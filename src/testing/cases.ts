import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import type { Credentials, Identity, PermissionRequest } from '../auth/backend.ts'
import { BackendUnavailable, SlowDown } from '../errors.ts'
import { identityCheck, permissionCheck, verdictCheck } from '../own-backends/answers.ts'
import { jwtType, type Subject } from './subject.ts'

type Check = (subject: Subject) => Promise<void>

/** What holds whatever a backend takes; the outage stands apart, for nothing comes after it. */
export const cases = {
  async 'takes what it is tried with'({ backend, kind }) {
    assert.ok(backend.takes.includes(kind))
  },

  async 'accepts what is right, and says whom it found before it tries it'(subject) {
    const before = subject.found.length
    const identity = await acceptedBy(subject)
    assert.deepEqual(subject.found.slice(before), [identity.subject])
    assert.equal((await acceptedBy(subject)).subject, identity.subject, 'the same subject again')
  },

  async 'gives an identity that can be kept, and a proof that ends'(subject) {
    const verdict = await subject.ask(await subject.right())
    if (verdict.outcome !== 'accepted') assert.fail(`what is right: ${verdict.outcome}`)
    assert.equal(verdictCheck({ ...verdict, identity: withoutUser(verdict.identity) }, ''), undefined)
    const { until = Number.POSITIVE_INFINITY } = verdict.proof ?? {}
    assert.ok(until > Date.now(), 'the proof is over already')
  },

  async 'lets the error of a locked account pass, and does not try the password'({ ask, right }) {
    const locked = new SlowDown(7)
    const refuse = {
      found: async () => Promise.reject(locked),
      verifyPassword: async () => assert.fail('the password was tried')
    }
    await assert.rejects(ask(await right(), refuse), (error) => error === locked)
  },

  async 'answers many at once without mixing them up'({ ask, right, wrong }) {
    const asked = await Promise.all(Array.from({ length: 20 }, async (_, at) => (at % 2 === 0 ? await right() : wrong)))
    const verdicts = await Promise.all(asked.map((credentials) => ask(credentials)))
    verdicts.forEach(({ outcome }, at) => {
      assert.equal(outcome === 'accepted', at % 2 === 0, `question ${at}: ${outcome}`)
    })
  },

  async 'leaves credentials of another kind to others'({ backend, ask }) {
    for (const credentials of ofAllKinds) {
      if (!backend.takes.includes(credentials.kind)) assert.deepEqual(await ask(credentials), { outcome: 'unknown' })
    }
  },

  async 'tells an account again by its subject'(subject) {
    const { backend, context } = subject
    if (!backend.identity) return
    const { subject: id } = await acceptedBy(subject)
    const answer = await backend.identity(id, context())
    if (answer.state !== 'present') assert.fail(`the account is ${answer.state}`)
    assert.equal(identityCheck(withoutUser(answer.identity), 'identity'), undefined)
    assert.equal(answer.identity.subject, id)
    assert.equal((await backend.identity('no-such-subject', context())).state, 'gone')
  },

  async 'lists everybody, each once, the account among them'(subject) {
    const { backend, context } = subject
    if (!backend.identities) return
    const { subject: id } = await acceptedBy(subject)
    const subjects = new Set<string>()
    for await (const identity of backend.identities(context())) {
      assert.equal(identityCheck(withoutUser(identity), 'identity'), undefined)
      assert.ok(!subjects.has(identity.subject), 'somebody comes twice')
      subjects.add(identity.subject)
    }
    assert.ok(subjects.has(id), 'the account is missing')
  },

  async 'tells permissions, and none of a stranger; of nobody those of the anonymous user'(subject) {
    const { backend, anonymous } = subject
    if (!backend.permissions) return
    const { subject: id } = await acceptedBy(subject)
    await namesOf(subject, { subject: id })
    assert.deepEqual(await namesOf(subject, { subject: 'no-such-subject' }), [])
    assert.deepEqual(await namesOf(subject, { subject: null }), [...anonymous].sort())
  },

  async 'tells permissions on an object, and none of a stranger'(subject) {
    const { backend, onObject } = subject
    if (!backend.permissions) return
    const { subject: id } = await acceptedBy(subject)
    const object = onObject?.object ?? { type: 'thing', id: "1' or '1'='1" }
    const names = await namesOf(subject, { subject: id, object })
    assert.deepEqual(await namesOf(subject, { subject: 'no-such-subject', object }), [])
    await namesOf(subject, { subject: null, object })
    if (backend.ignoresObjects) assert.deepEqual(names, await namesOf(subject, { subject: id }))
    if (!onObject) return
    assert.ok(names.includes(onObject.permission), 'it is not held on the object')
    const other = { ...object, id: `${object.id}x` }
    assert.ok(!(await namesOf(subject, { subject: id, object: other })).includes(onObject.permission), 'on another')
  },

  async 'answers when it is asked whether it does'({ backend, context }) {
    await backend.probe?.(context())
  },

  async outage(subject) {
    const { backend, context, ask, right, wrong, asksForWrong, breakSource, secrets } = subject
    if (!breakSource) return
    const { subject: id } = await acceptedBy(subject)
    await breakSource()
    const presented = await right()
    const questions: Array<() => Promise<unknown> | undefined> = [
      () => ask(presented),
      ...(asksForWrong ? [() => ask(wrong)] : []),
      ...(backend.identity ? [() => backend.identity?.(id, context())] : []),
      ...(backend.probe ? [() => backend.probe?.(context())] : [])
    ]
    for (const question of questions) {
      const error = await Promise.resolve(question()).then(
        () => undefined,
        (thrown: unknown) => thrown
      )
      assert.ok(error instanceof BackendUnavailable, `expected BackendUnavailable, not ${inspect(error, { depth: 0 })}`)
      const seen = inspect(error, { depth: 20, showHidden: true })
      const tokens = presented.kind === 'token' ? [presented.token] : []
      for (const secret of [...tokens, ...secrets]) assert.ok(!seen.includes(secret), 'a secret stands in the error')
    }
  }
} satisfies Record<string, Check>

const ofAllKinds: readonly Credentials[] = [
  { kind: 'password', username: 'nobody', password: 'x' },
  { kind: 'token', token: 'x', tokenType: jwtType },
  { kind: 'header', headers: [['remote-user', 'nobody']], peer: '127.0.0.1' }
]

async function acceptedBy({ ask, right }: Subject): Promise<Identity> {
  const verdict = await ask(await right())
  if (verdict.outcome !== 'accepted') assert.fail(`what is right: ${verdict.outcome}`)
  return verdict.identity
}

/** The permissions' names, sorted; the answer's shape is checked. */
async function namesOf({ backend, context }: Subject, request: PermissionRequest): Promise<string[]> {
  const answer = await backend.permissions?.(request, context())
  assert.equal(permissionCheck(answer, ''), undefined)
  return [...new Set((answer?.grants ?? []).map(({ permission }) => permission))].sort()
}

/** The backend `local` alone says whose the identity is. */
const withoutUser = ({ userId: _own, ...identity }: Identity): Identity => identity
