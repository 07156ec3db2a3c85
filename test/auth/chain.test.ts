import t from 'tap'
import Type from 'typebox'
import type { Trail } from '../../src/auth/audit.ts'
import type { AuthenticateContext, Credentials, Verdict } from '../../src/auth/backend.ts'
import { createBreaker } from '../../src/auth/breaker.ts'
import { authenticate, chosenFrom } from '../../src/auth/chain.ts'
import { type BackendTools, defineBackend } from '../../src/auth/define-backend.ts'
import type { Link } from '../../src/auth/link.ts'
import type { VerifyOptions } from '../../src/auth/ports.ts'
import { BackendUnavailable, SlowDown } from '../../src/errors.ts'
import { matchLists } from '../match.ts'
import { fakeBackend, fakeIdentity, fakeLink, fakeLog, fakeRequest, fakeTools } from './fakes.ts'

const credentials = { kind: 'password', username: 'alice', password: 'secret' } as const
const invalid = { code: 'invalid_grant', statusCode: 400 }
const unavailable = { code: 'temporarily_unavailable', statusCode: 503 }

const accepted: Verdict = { outcome: 'accepted', identity: fakeIdentity() }
const rejected: Verdict = { outcome: 'rejected', reason: 'wrong-password' }
const unknown: Verdict = { outcome: 'unknown' }
const denied: Verdict = { outcome: 'denied', reason: 'disabled' }
const down = (id: string) => new BackendUnavailable(id, { reason: 'connect' })

t.test('two backends, every pair of verdicts', async (t) => {
  const first: Record<string, [verdict: Verdict | Error, more: Partial<Link>]> = {
    accepted: [accepted, {}],
    rejected: [rejected, { onUnavailable: 'stop' }],
    'rejected, stop': [rejected, { onRejected: 'stop' }],
    unknown: [unknown, { onRejected: 'stop', onUnavailable: 'stop' }],
    denied: [denied, {}],
    unavailable: [down('first'), { onRejected: 'stop' }],
    'unavailable, stop': [down('first'), { onUnavailable: 'stop' }]
  }
  const second: Record<string, Verdict | Error> = { accepted, rejected, unknown, denied, unavailable: down('second') }
  const expected: Record<string, Record<string, string>> = {
    accepted: { accepted: 'first', rejected: 'first', unknown: 'first', denied: 'first', unavailable: 'first' },
    rejected: { accepted: 'second', rejected: '400', unknown: '400', denied: '400', unavailable: '503' },
    'rejected, stop': { accepted: '400', rejected: '400', unknown: '400', denied: '400', unavailable: '400' },
    unknown: { accepted: 'second', rejected: '400', unknown: '400', denied: '400', unavailable: '503' },
    denied: { accepted: '400', rejected: '400', unknown: '400', denied: '400', unavailable: '400' },
    unavailable: { accepted: 'second', rejected: '503', unknown: '503', denied: '503', unavailable: '503' },
    'unavailable, stop': { accepted: '503', rejected: '503', unknown: '503', denied: '503', unavailable: '503' }
  }
  for (const [one, [verdict, more]] of Object.entries(first)) {
    for (const [two, other] of Object.entries(second)) {
      const chain = [
        fakeLink('first', { backend: fakeBackend(verdict), ...more }),
        fakeLink('second', { backend: fakeBackend(other) })
      ]
      const outcome = await authenticate(chain, credentials, fakeRequest(), fakeTools()).then(
        ({ backend }) => backend.id,
        (error: { statusCode: number }) => String(error.statusCode)
      )
      t.equal(outcome, expected[one]?.[two], `${one}, then ${two}`)
    }
  }
})

t.test('who is asked', async (t) => {
  const silent = fakeBackend(accepted, { takes: ['token'] })
  const last = fakeBackend(accepted)
  const chain = [fakeLink('jwt', { backend: silent }), fakeLink('local', { backend: last })]
  const { backend } = await authenticate(chain, credentials, fakeRequest(), fakeTools())
  t.equal(backend.id, 'local')
  t.equal(silent.asked.length, 0, 'a backend that takes no passwords is skipped')
  await t.rejects(authenticate([], credentials, fakeRequest(), fakeTools()), invalid, 'an empty chain')
  t.throws(() => chosenFrom(chain, 'nope'), { code: 'invalid_request' })
  t.same(
    chosenFrom(chain, 'local').map(({ id }) => id),
    ['local']
  )
})

t.test('what the log, the audit and the figures have of a refusal', async (t) => {
  const finds = (subject: string, verdict: Verdict) =>
    fakeBackend(verdict, {
      async authenticate(_credentials: Credentials, { found }: AuthenticateContext) {
        await found(subject)
        return verdict
      }
    })
  const refuse = async (chain: readonly Link[]) => {
    const answered: Array<readonly [backend: string, outcome: string]> = []
    const metrics = {
      ...fakeTools().metrics,
      backendAnswered: (id: string, outcome: string) => void answered.push([id, outcome])
    }
    const trail: Trail = { kind: 'login' }
    const refused = await authenticate(
      chain,
      credentials,
      { ...fakeRequest(), trail },
      { ...fakeTools(), metrics }
    ).catch((error) => error)
    const { kind: _kind, ...noted } = trail
    return { cause: refused.cause, reason: refused.reason, trail: noted, answered }
  }
  const one = fakeLink('one', { backend: finds('1', rejected) })
  const dead = fakeLink('dead', { backend: fakeBackend(down('dead')) })
  const last = fakeLink('last', { backend: fakeBackend({ ...denied, subject: '9' }) })
  t.same(await refuse([fakeLink('none')]), {
    cause: { outcomes: { none: 'unknown' }, found: [] },
    reason: 'unknown-account',
    trail: {},
    answered: [['none', 'unknown']]
  })
  t.same(await refuse([last]), {
    cause: { outcomes: { last: 'denied: disabled' }, found: [] },
    reason: 'disabled',
    trail: { backend: 'last', subject: '9' },
    answered: [['last', 'denied']]
  })
  const two = fakeLink('two', { backend: finds('2', rejected) })
  t.same(
    await refuse([one, two, fakeLink('none'), last]),
    {
      cause: {
        outcomes: {
          one: 'rejected: wrong-password',
          two: 'rejected: wrong-password',
          none: 'unknown',
          last: 'denied: disabled'
        },
        found: ['one:1', 'two:2']
      },
      reason: 'disabled',
      trail: { backend: 'one', subject: '1' },
      answered: [
        ['one', 'rejected'],
        ['two', 'rejected'],
        ['none', 'unknown'],
        ['last', 'denied']
      ]
    },
    'the last word is the reason, and the account that was tried first is the one that it is about'
  )
  t.same(await refuse([dead, one]), {
    cause: { outcomes: { dead: 'unavailable: connect', one: 'rejected: wrong-password' }, found: ['one:1'] },
    reason: undefined,
    trail: { backend: 'one', subject: '1' },
    answered: [
      ['dead', 'unavailable'],
      ['one', 'rejected']
    ]
  })
  t.match(await refuse([fakeLink('broken', { backend: fakeBackend(new TypeError('oops')) })]), {
    answered: [['broken', 'error']]
  })
})

t.test('a programming error is neither a wrong password nor an outage', async (t) => {
  const chain = [fakeLink('broken', { backend: fakeBackend(new TypeError('oops')) })]
  await t.rejects(authenticate(chain, credentials, fakeRequest(), fakeTools()), { name: 'TypeError', message: 'oops' })
})

t.test('every failed try costs one hash', async (t) => {
  const verifying = (outcome: Verdict) =>
    fakeBackend(outcome, {
      async authenticate(_credentials: Credentials, context: AuthenticateContext) {
        await context.verifyPassword('hash of x', 'secret')
        return outcome
      }
    })
  const costs = async (verdict: Verdict, backend = fakeBackend(verdict)) => {
    const tools = fakeTools()
    await authenticate([fakeLink('one', { backend })], credentials, fakeRequest(), tools).catch(() => {})
    return tools.hashes
  }
  t.same(await costs(unknown), { verified: 0, decoys: 1 }, 'a stranger')
  t.same(await costs(rejected), { verified: 0, decoys: 1 }, 'known to a directory')
  t.same(await costs(denied), { verified: 0, decoys: 1 }, 'vetoed before anything was hashed')
  t.same(await costs(rejected, verifying(rejected)), { verified: 1, decoys: 0 }, 'known here')
  t.same(await costs(accepted), { verified: 0, decoys: 0 }, 'a right password pays no decoy')
  const token: Credentials = { kind: 'token', token: 'x', tokenType: 'y' }
  const tools = fakeTools()
  await t.rejects(authenticate([fakeLink('one')], token, fakeRequest(), tools), invalid)
  t.same(tools.hashes, { verified: 0, decoys: 0 }, 'a token is no password')
})

t.test('time', async (t) => {
  const hanging = () => fakeBackend(() => new Promise<Verdict>(() => {}))
  const chain = [
    fakeLink('hangs', { backend: hanging(), timeoutMs: 50 }),
    fakeLink('local', { backend: fakeBackend(accepted) })
  ]
  const log = fakeLog()
  const { backend } = await authenticate(chain, credentials, fakeRequest(log), fakeTools())
  t.equal(backend.id, 'local', 'one that hangs leaves time for the rest')
  matchLists(t, log.lines, [{ level: 'warn', fields: { backend: 'hangs', err: { reason: 'timeout' } } }])

  const all = [hanging(), hanging(), hanging()].map((backend, at) => fakeLink(`b${at}`, { backend, timeoutMs: 100 }))
  await t.rejects(authenticate(all, credentials, fakeRequest(fakeLog(), 150), fakeTools()), unavailable)
  const late = fakeBackend(accepted)
  await t.rejects(
    authenticate([fakeLink('late', { backend: late })], credentials, fakeRequest(fakeLog(), 0), fakeTools()),
    unavailable
  )
  t.equal(late.asked.length, 0, 'nobody is asked after the deadline')

  let aborted = false
  const attentive = fakeBackend(unknown, {
    authenticate: (_credentials: Credentials, { signal }: AuthenticateContext) =>
      new Promise<Verdict>(() => signal.addEventListener('abort', () => (aborted = true)))
  })
  await t.rejects(
    authenticate(
      [fakeLink('attentive', { backend: attentive, timeoutMs: 20 })],
      credentials,
      fakeRequest(),
      fakeTools()
    ),
    unavailable
  )
  t.ok(aborted, 'the backend is told that its time is up')
})

t.test('a dead backend is remembered', async (t) => {
  let at = 0
  const breaker = createBreaker({ failures: 2, cooldownMs: 1000, now: () => at, elapsedMs: () => at })
  let answer: Verdict | Error = down('ldap')
  const backend = fakeBackend(async () => {
    if (answer instanceof Error) throw answer
    return answer
  })
  const chain = [fakeLink('ldap', { backend, breaker })]
  const ask = () => authenticate(chain, credentials, fakeRequest(), fakeTools())
  for (let round = 0; round < 5; round++) await t.rejects(ask(), unavailable)
  t.equal(backend.asked.length, 2, 'asked no more after two failures')
  t.same(breaker.status(), { state: 'open', lastError: 'connect', since: 0 })
  at = 1000
  t.equal(breaker.status().state, 'half-open')
  await t.rejects(ask(), unavailable)
  t.equal(backend.asked.length, 3, 'asked once when the cool-down is over')
  await t.rejects(ask(), unavailable)
  t.equal(backend.asked.length, 3)
  at = 2000
  answer = accepted
  t.equal((await ask()).backend.id, 'ldap')
  t.same(breaker.status(), { state: 'closed', lastError: 'connect', since: 2000 })
  answer = rejected
  for (let round = 0; round < 5; round++)
    await t.rejects(ask(), invalid, 'a wrong password is no failure of the backend')
  t.equal(breaker.status().state, 'closed')
})

t.test('a clock that is set back leaves a backend out no longer', async (t) => {
  let elapsed = 0
  let at = 3_600_000
  const breaker = createBreaker({ failures: 1, cooldownMs: 1000, now: () => at, elapsedMs: () => elapsed })
  breaker.failed('connect')
  at = 0
  t.notOk(breaker.admit())
  elapsed = 1000
  t.equal(breaker.status().state, 'half-open')
  t.ok(breaker.admit(), 'it is asked when its time has come, whatever the clock says')
})

t.test('a breaker lets one question through when its time has come, and tells since when', async (t) => {
  let at = 0
  const breaker = createBreaker({ failures: 2, cooldownMs: 1000, now: () => at, elapsedMs: () => at })
  t.same(breaker.status(), { state: 'closed', lastError: null, since: null })
  const steps: ReadonlyArray<readonly [at: number, step: () => void, since: number]> = [
    [1, breaker.succeeded, 1],
    [2, breaker.succeeded, 1],
    [3, () => breaker.failed('connect'), 3],
    [4, () => breaker.failed('timeout'), 3],
    [5, breaker.succeeded, 5]
  ]
  for (const [when, step, since] of steps) {
    at = when
    step()
    t.equal(breaker.status().since, since, `at ${when}`)
  }
  for (const round of ['once', 'and again']) {
    t.same([breaker.admit(), breaker.admit()], [true, true], `closed: any number at once, ${round}`)
    breaker.failed('connect')
    t.same([breaker.admit(), breaker.admit()], [true, true], 'one failure is not enough')
    breaker.failed('timeout')
    t.match(breaker.status(), { state: 'open', lastError: 'timeout' })
    at += 999
    t.equal(breaker.admit(), false)
    at += 1
    t.same([breaker.admit(), breaker.admit()], [true, false], 'one tries')
    t.equal(breaker.status().state, 'half-open')
    breaker.abandoned()
    t.same([breaker.admit(), breaker.admit()], [true, false], 'and another, where that told nothing')
    breaker.failed('connect')
    t.equal(breaker.status().state, 'open')
    at += 1000
    t.equal(breaker.admit(), true)
    breaker.succeeded()
  }
  const other = createBreaker({ failures: 1 })
  other.failed('connect')
  t.equal(other.status().since !== null, true, 'the first answer may be a failure')
})

t.test('what counts against a backend', async (t) => {
  const stateAfter = async (answer: Parameters<typeof fakeBackend>[0], timeoutMs: number, leftMs: number) => {
    const breaker = createBreaker({ failures: 1 })
    const link = fakeLink('one', { backend: fakeBackend(answer), breaker, timeoutMs })
    await authenticate([link], credentials, fakeRequest(fakeLog(), leftMs), fakeTools()).catch(() => {})
    return breaker.status().state
  }
  const hangs = () => new Promise<Verdict>(() => {})
  t.equal(await stateAfter(hangs, 20, 1000), 'open', 'it had its share of the time')
  t.equal(await stateAfter(hangs, 1000, 20), 'closed', 'others had spent it')
  t.equal(await stateAfter(down('one'), 1000, 500), 'open', 'it failed before the time was up, however little it was')
  t.equal(await stateAfter(new TypeError('oops'), 1000, 1000), 'closed', 'a programming error')
  t.equal(await stateAfter(new SlowDown(1), 1000, 1000), 'closed', 'a locked account')

  const dead = createBreaker({ failures: 1, cooldownMs: 0 })
  dead.failed('connect')
  let answer: Verdict | Error = new SlowDown(1)
  const backend = fakeBackend(async () => {
    if (answer instanceof Error) throw answer
    return answer
  })
  const link = fakeLink('one', { backend, breaker: dead })
  await t.rejects(authenticate([link], credentials, fakeRequest(), fakeTools()), { code: 'slow_down' })
  answer = accepted
  t.ok(await authenticate([link], credentials, fakeRequest(), fakeTools()), 'it is asked again, as nothing was learnt')
})

t.test('a backend that waits for our own hash queue is not taken for dead', async (t) => {
  const breaker = createBreaker({ failures: 1 })
  const backend = fakeBackend(unknown, {
    authenticate: async (_credentials: Credentials, context: AuthenticateContext) => {
      await context.found('1')
      return (await context.verifyPassword('hash', 'secret')) ? accepted : rejected
    }
  })
  const tools = fakeTools()
  const isGone: Array<(() => boolean) | undefined> = []
  const verify = (_hash: string, _password: string, options: VerifyOptions = {}) => {
    isGone.push(options.isGone)
    return new Promise<boolean>(() => {})
  }
  const slow = { ...tools, passwords: { ...tools.passwords, verify } }
  const link = fakeLink('one', { backend, breaker, timeoutMs: 20 })
  await t.rejects(authenticate([link], credentials, fakeRequest(), slow), unavailable)
  t.equal(breaker.status().state, 'closed')
  t.same(
    isGone.map((isGone) => isGone?.()),
    [true],
    'and nothing is hashed any more'
  )
  let left = false
  const patient = { ...link, breaker: createBreaker(), timeoutMs: 100 }
  const waiting = authenticate([patient], credentials, { ...fakeRequest(), isGone: () => left }, slow)
  await new Promise(setImmediate)
  t.equal(isGone[1]?.(), false)
  left = true
  t.equal(isGone[1]?.(), true, 'nor for whoever has hung up')
  await t.rejects(waiting, unavailable)
  const hangs = fakeBackend(() => new Promise<Verdict>(() => {}))
  await t.rejects(authenticate([{ ...link, backend: hangs }], credentials, fakeRequest(), tools), unavailable)
  t.equal(breaker.status().state, 'open', 'one that lets us wait is')
})

t.test('guesses', async (t) => {
  const limits = { failures: 3, totalFailures: 12, windowMs: 60_000 }
  const slow = { code: 'slow_down', statusCode: 429 }
  const passwordOf = (subject: string, right: string) =>
    fakeBackend(unknown, {
      async authenticate(given: Credentials, context: AuthenticateContext) {
        if (given.kind !== 'password' || given.username === 'nobody') return unknown
        await context.found(subject)
        return given.password === right ? accepted : rejected
      }
    })
  const login = (
    tools: ReturnType<typeof fakeTools>,
    username: string,
    password: string,
    link = passwordOf('1', 'right')
  ) =>
    authenticate([fakeLink('one', { backend: link })], { kind: 'password', username, password }, fakeRequest(), tools)

  t.test('known and unknown count alike', async (t) => {
    for (const username of ['alice', 'nobody']) {
      const tools = fakeTools(limits)
      for (let n = 0; n < 3; n++) await t.rejects(login(tools, username, 'wrong'), invalid)
      await t.rejects(login(tools, username, 'wrong'), slow, username)
      const fullWidth = username.replaceAll(/[a-z]/g, (letter) => String.fromCharCode(letter.charCodeAt(0) + 0xfee0))
      for (const spelling of [` ${username.toUpperCase()}`, fullWidth])
        await t.rejects(login(tools, spelling, 'right'), slow, `in another spelling too: ${spelling}`)
    }
  })
  t.test('two names of one account share what is left', async (t) => {
    const tools = fakeTools(limits)
    await t.rejects(login(tools, 'alice', 'wrong'), invalid)
    await t.rejects(login(tools, 'Alice Example', 'wrong'), invalid)
    await t.rejects(login(tools, 'alice@example.com', 'wrong'), invalid)
    await t.rejects(login(tools, 'another name', 'right'), slow, 'the account is locked, whatever name it is called by')
  })
  t.test('a right password forgives', async (t) => {
    const tools = fakeTools(limits)
    for (let round = 0; round < 3; round++) {
      for (let n = 0; n < 2; n++) await t.rejects(login(tools, 'alice', 'wrong'), invalid)
      t.equal((await login(tools, 'alice', 'right')).backend.id, 'one')
    }
  })
  t.test('but no other account of the same name, which it did not open', async (t) => {
    const tools = fakeTools(limits)
    const chain = () => [
      fakeLink('one', { backend: passwordOf('1', 'right') }),
      fakeLink('two', { backend: passwordOf('2', 'own') })
    ]
    const logIn = (password: string) =>
      authenticate(chain(), { kind: 'password', username: 'alice', password }, fakeRequest(), tools)
    for (let n = 0; n < 9; n++) t.equal((await logIn('own')).backend.id, 'two', 'nor does it count as a guess at it')
    for (let n = 0; n < 2; n++) await t.rejects(logIn('wrong'), invalid)
    t.equal((await logIn('own')).backend.id, 'two')
    await t.rejects(logIn('wrong'), invalid)
    await t.rejects(logIn('own'), slow)
  })
  t.test('an outage is no guess', async (t) => {
    const tools = fakeTools(limits)
    const dead = fakeBackend(down('one'))
    for (let n = 0; n < 9; n++) await t.rejects(login(tools, 'alice', 'right', dead), unavailable)
    t.equal((await login(tools, 'alice', 'right')).backend.id, 'one')
  })
  t.test('but a wrong password beside an outage is', async (t) => {
    const tools = fakeTools(limits)
    const chain = () => [
      fakeLink('dead', { backend: fakeBackend(down('dead')) }),
      fakeLink('one', { backend: passwordOf('1', 'right') })
    ]
    const guess = { kind: 'password', username: 'alice', password: 'wrong' } as const
    for (let n = 0; n < 3; n++) await t.rejects(authenticate(chain(), guess, fakeRequest(), tools), unavailable)
    await t.rejects(authenticate(chain(), guess, fakeRequest(), tools), slow)
  })
  t.test('from everywhere', async (t) => {
    const tools = fakeTools(limits)
    const guess = (ip: string, password: string) =>
      authenticate(
        [fakeLink('one', { backend: passwordOf('1', 'right') })],
        { kind: 'password', username: 'alice', password },
        { ...fakeRequest(), ip },
        tools
      )
    for (let n = 0; n < 3; n++) await t.rejects(guess('192.0.2.66', 'wrong'), invalid)
    await t.rejects(guess('192.0.2.66', 'right'), slow)
    t.equal((await guess('192.0.2.7', 'right')).backend.id, 'one', 'one stranger locks nobody else out')
    for (let n = 0; n < 9; n++) await t.rejects(guess(`198.51.100.${n}`, 'wrong'), invalid)
    await t.rejects(guess('192.0.2.8', 'right'), slow, 'many addresses together do')
    t.equal((await guess('192.0.2.7', 'right')).backend.id, 'one', 'but not where she has logged in from')
  })
  t.test('many at once are no way around', async (t) => {
    const tools = fakeTools(limits)
    const outcomes = await Promise.all(
      Array.from({ length: 40 }, () => login(tools, 'alice', 'wrong').catch((error: { code: string }) => error.code))
    )
    t.equal(outcomes.filter((code) => code === 'invalid_grant').length, 3)
    t.equal(outcomes.filter((code) => code === 'slow_down').length, 37)
  })
  t.test('many right ones at once all pass', async (t) => {
    const tools = fakeTools(limits)
    const outcomes = await Promise.all(Array.from({ length: 40 }, () => login(tools, 'alice', 'right')))
    t.equal(outcomes.length, 40)
  })
})

t.test('what nobody types reaches no backend', async (t) => {
  const backend = fakeBackend(accepted)
  const guarded = defineBackend({ options: Type.Object({}), open: () => backend }).open('one', {}, {} as BackendTools)
  const ask = async (typed: { username?: string; password?: string }) =>
    (await guarded.authenticate({ ...credentials, ...typed }, {} as AuthenticateContext)).outcome
  // U+FFFD stands where bytes were not UTF-8: two byte strings would be one name
  for (const odd of ['', 'a\u0000', 'a\ufffd', 'a\ud800', 'a\u0085', 'a\n', 'a'.repeat(1025)]) {
    t.equal(await ask({ username: odd }), 'unknown', JSON.stringify(odd))
    t.equal(await ask({ password: odd }), 'rejected', JSON.stringify(odd))
  }
  t.same(backend.asked, [])
  t.equal(await ask({ username: 'é😀'.repeat(160), password: '😀'.repeat(1024) }), 'accepted')
})
