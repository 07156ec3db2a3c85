import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import t from 'tap'
import { createApp } from '../src/app.ts'
import type { UserIdentity } from '../src/auth/user-store.ts'
import { backendDefinitions as definitions } from '../src/backends/index.ts'
import { readConfig } from '../src/config/read-config.ts'
import type { Generation } from '../src/generation.ts'
import { openPasswords } from '../src/passwords/argon2.ts'
import { claimsOf, openTestLatchkey } from './latchkey.ts'
import { matchLists } from './match.ts'
import { command } from './process.ts'
import { answerJson, startFakeService } from './servers/http-service.ts'
import { clientAtIssuer, issuerKey, startIssuer } from './servers/issuer.ts'
import { userPassword as password, peopleBase, person, serviceAccount, suffix } from './servers/ldap-fixtures.ts'
import { needs } from './servers/needs.ts'
import { startSlapd } from './servers/slapd.ts'
import { grantPermissions, setActive } from './store/acts.ts'

/** What a backend does in one chain. `inactive`: of the person themselves, as `local` sees it. */
type Deed = 'accepts' | 'rejects' | 'unknown' | 'denies' | 'down'
type Kind = 'password' | 'token' | 'header'

const deeds = {
  ldap: ['accepts', 'rejects', 'unknown', 'denies', 'down'],
  local: ['accepts', 'rejects', 'unknown', 'denies'],
  static: ['accepts', 'rejects', 'unknown'],
  sql: ['accepts', 'rejects', 'unknown', 'denies', 'down'],
  http: ['accepts', 'rejects', 'unknown', 'denies', 'down'],
  proxy: ['accepts', 'unknown'],
  jwt: ['accepts', 'rejects', 'unknown', 'down'],
  custom: ['accepts', 'rejects', 'unknown', 'denies', 'down']
} as const satisfies Record<string, readonly Deed[]>
type Name = keyof typeof deeds
const names = Object.keys(deeds) as Name[]
const takes = (name: Name): Kind => (name === 'proxy' ? 'header' : name === 'jwt' ? 'token' : 'password')

/** One backend in its place. */
interface Place {
  readonly name: Name
  readonly deed: Deed
  readonly onRejected: 'next' | 'stop'
  readonly onUnavailable: 'next' | 'stop'
  readonly grants: readonly string[]
  readonly veto: readonly string[]
  /** The person has an identity there from before. */
  readonly isLinked: boolean
}

interface World {
  readonly chain: readonly Place[]
  readonly kind: Kind
}

/** DESIGN.md 4 in a few lines: the status, and the backend in the token. */
function expected({ chain, kind }: World): { status: number; backend?: Name } {
  const isInactive = chain.some(({ name, deed }) => name === 'local' && deed === 'denies')
  let status = 400
  for (const { name, deed, onRejected, onUnavailable } of chain) {
    if (takes(name) !== kind) continue
    if (deed === 'accepts') return isInactive ? { status: 400 } : { status: 200, backend: name }
    if (deed === 'down') status = 503
    if (deed === 'denies') break
    if (deed === 'rejects' && onRejected === 'stop') break
    if (deed === 'down' && onUnavailable === 'stop') break
  }
  return { status }
}

/** The superset, where the first that grants or vetoes decides, and a veto wins within one backend. */
function permissionsExpected(chain: readonly Place[], backend: Name): string[] {
  const asked = chain.filter(({ name, isLinked }) => name === backend || isLinked)
  const sources: ReadonlyArray<Pick<Place, 'grants' | 'veto'>> = [...asked, { grants: ['p.stored', 'p.a'], veto: [] }]
  return ['p.a', 'p.b', 'p.c', 'p.stored'].filter((permission) => {
    const decides = sources.find(
      ({ grants, veto }) => [...grants, ...veto].includes(permission) || veto.includes('p.*')
    )
    return decides !== undefined && !decides.veto.includes(permission) && !decides.veto.includes('p.*')
  })
}

/** What `explain` says of the one who takes it, by what that one does. */
const verdictOf: Record<'jwt' | 'proxy', Partial<Record<Deed, RegExp>>> = {
  jwt: {
    accepts: /^jwt: accepts/,
    rejects: /^jwt: .*for somebody else/,
    unknown: /^jwt: the token is not for this backend/,
    down: /^jwt: could not tell: keys/
  },
  proxy: { accepts: /^proxy: accepts alice/, unknown: /^proxy: the headers count for nothing here/ }
}

/** What `latchkey explain --json` prints. */
interface Told {
  readonly outcome: string
  readonly steps: ReadonlyArray<{ readonly backend: string | null; readonly step: string; readonly text: string }>
  readonly token: Readonly<Record<string, unknown>> | null
  readonly permission?: unknown
}

/** Subjects under which the person may be linked before: where nothing is asked for permissions but the configuration. */
const subjects: Partial<Record<Name, string>> = { sql: 's1', proxy: 'alice', jwt: 'j1', custom: 'c1' }

const email = 'alice@example.com'
const passwords = await openPasswords({ queueTimeoutMs: 60_000 })

const custom = `import { BackendUnavailable, defineBackend, Type } from 'latchkey'
const identity = { subject: 'c1', username: 'alice', emails: ['${email}'], attributes: {} }
const verdicts: any = { accepts: { outcome: 'accepted', identity }, rejects: { outcome: 'rejected', reason: 'wrong-password' },
  unknown: { outcome: 'unknown' }, denies: { outcome: 'denied', reason: 'locked' } }
export default defineBackend({
  options: Type.Object({ deed: Type.String() }),
  open: (id, { deed }) => ({ takes: ['password'], authenticate: () => deed === 'down' ? new Promise<any>(() => {}) : Promise.resolve(verdicts[deed]) })
})`

t.test('all types in one chain', { skip: needs('slapd') }, async (t) => {
  const [right, wrong] = await Promise.all([passwords.hash(password), passwords.hash('something else')])
  const slapd = await startSlapd(t)
  await slapd.add([
    [`ou=wrong,${suffix}`, { objectClass: 'organizationalUnit', ou: 'wrong' }],
    [`ou=empty,${suffix}`, { objectClass: 'organizationalUnit', ou: 'empty' }],
    person('alice', { mail: email }),
    [`uid=alice,ou=wrong,${suffix}`, { ...person('alice', { mail: email, userPassword: 'something else' })[1] }]
  ])
  const http = await startFakeService(t, ({ json }, response) => {
    const deed = String(json.username ?? '').replace(/@.*/, '')
    const at = httpDeed ?? deed
    const status = { accepts: 200, rejects: 401, unknown: 404, denies: 403, down: 500 }[at] ?? 404
    answerJson(response, status, { subject: 'h1', username: 'alice', email, permissions: [], groups: [] })
  })
  let httpDeed: Deed | undefined
  const issuer = await startIssuer(t, await issuerKey('one'))
  const claims = { sub: 'j1', email, email_verified: true }
  const tokens: Partial<Record<Deed, string>> = {
    accepts: await issuer.token(claims),
    rejects: await issuer.token({ ...claims, aud: 'somebody-else' }),
    unknown: await issuer.token({ ...claims, iss: 'https://nobody.example.com' }),
    down: await issuer.token(claims)
  }

  const latchkey = await openTestLatchkey(t, 'publicClient: true\nbackends: [{ id: local, type: local }]\n')
  const { folder, store } = latchkey
  await writeFile(join(folder, 'custom.ts'), custom)
  const own = new DatabaseSync(join(folder, 'data/latchkey.db'))
  t.teardown(() => own.close())
  new DatabaseSync(join(folder, 'old.db')).close()

  const sqlOf = {
    accepts: [right, 1],
    rejects: [wrong, 1],
    unknown: ['', 1],
    denies: [right, 0],
    down: [right, 1]
  } as const
  const optionsOf: Record<Name, (deed: Deed) => object> = {
    ldap: (deed) => ({
      servers: [deed === 'down' ? 'ldap://127.0.0.1:9' : slapd.url],
      insecure: true,
      bind: { dn: serviceAccount.dn, password: serviceAccount.password },
      users: [
        {
          base: deed === 'rejects' ? `ou=wrong,${suffix}` : deed === 'unknown' ? `ou=empty,${suffix}` : peopleBase,
          filter: '(mail={username})'
        }
      ],
      ...(deed === 'denies' && { deny: { attribute: { uid: 'alice' } } })
    }),
    local: () => ({}),
    static: (deed) => ({
      users: [
        {
          username: deed === 'unknown' ? 'zoe' : email,
          email: deed === 'unknown' ? 'zoe@example.com' : email,
          passwordHash: deed === 'rejects' ? wrong : right
        }
      ]
    }),
    sql: (deed) => ({
      database: { url: deed === 'down' ? 'file:nowhere.db' : 'file:old.db' },
      user: `select 's1' as subject, '${email}' as email, '${sqlOf[deed][0]}' as passwordHash, ${sqlOf[deed][1]} as isActive where :username = '${email}'`
    }),
    http: () => ({ url: http.url, secret: 'h'.repeat(32) }),
    proxy: (deed) => ({
      from: [deed === 'accepts' ? '127.0.0.1' : '192.0.2.1'],
      headers: { username: 'Remote-User', email: 'Remote-Email' }
    }),
    jwt: (deed) => ({
      issuer: issuer.url,
      audiences: [clientAtIssuer],
      algorithms: ['ES256'],
      ...(deed === 'down' && { jwks: 'http://127.0.0.1:9/keys' })
    }),
    custom: (deed) => ({ type: './custom.ts', deed, timeout: '150ms' })
  }
  const yamlOf = ({ chain }: World): string =>
    JSON.stringify({
      publicClient: true,
      limits: { ip: false, account: false },
      login: { failureFloor: '1ms', timeout: '20s' },
      backends: chain.map(({ name, deed, onRejected, onUnavailable, grants, veto }) => ({
        id: name,
        type: name,
        timeout: '5s',
        ...(name === 'local' ? {} : { email: { domains: ['example.com'] } }),
        ...{ onRejected, onUnavailable, grants, veto },
        ...optionsOf[name](deed)
      }))
    })

  /** The person as `local` is to see them, with the identities of before. */
  const person1 = async ({ chain }: World): Promise<void> => {
    own.exec('pragma foreign_keys = on; delete from latchkey_users')
    const local = chain.find(({ name }) => name === 'local')?.deed
    const passwordHash = local === 'unknown' ? null : local === 'rejects' ? wrong : right
    const fields = {
      emailVouched: true,
      attributes: {},
      ownAttributes: {},
      isSuperuser: false,
      lastLoginAt: null,
      at: 1
    }
    const user = await store.users.create({ email, passwordHash, ...fields })
    if (user === 'taken') throw new Error('the person is there')
    await grantPermissions(store, user.id, ['p.stored', 'p.a'])
    for (const { name, isLinked } of chain) {
      if (isLinked) await store.users.link(user.id, linkOf(name))
    }
    if (local === 'denies') await setActive(store, user.id, false, 2)
  }
  const linkOf = (backend: Name): UserIdentity => ({
    ...{
      backend,
      subject: subjects[backend] ?? '',
      username: 'alice',
      attributes: {},
      isSuperuser: false,
      lastSeenAt: 1
    }
  })

  const requestOf = ({ chain, kind }: World): { headers: Record<string, string>; fields: Record<string, string> } => {
    const jwt = chain.find(({ name }) => name === 'jwt')?.deed ?? 'unknown'
    if (kind === 'header')
      return {
        headers: { 'remote-user': 'alice', 'remote-email': email },
        fields: { grant_type: 'urn:latchkey:params:oauth:grant-type:proxy' }
      }
    if (kind === 'password') return { headers: {}, fields: { grant_type: 'password', username: email, password } }
    const exchange = 'urn:ietf:params:oauth:grant-type:token-exchange'
    const type = 'urn:ietf:params:oauth:token-type:jwt'
    return { headers: {}, fields: { grant_type: exchange, subject_token: tokens[jwt] ?? '', subject_token_type: type } }
  }

  let generation: Generation = latchkey
  const configure = async (world: World): Promise<Generation> => {
    const path = join(folder, 'latchkey.yaml')
    await writeFile(path, yamlOf(world))
    const config = await readConfig({ path, env: {}, definitions, cwd: folder })
    const next = await latchkey.next(config, generation)
    if (generation !== latchkey) await generation.retire(next)
    generation = next
    httpDeed = world.chain.find(({ name }) => name === 'http')?.deed
    return next
  }
  t.teardown(() => generation.retire())

  const logIn = async (world: World) => {
    await person1(world)
    const app = await createApp((await configure(world)).parts)
    const { headers, fields } = requestOf(world)
    const answer = await app.inject({
      method: 'POST',
      url: '/token',
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      payload: new URLSearchParams(fields).toString()
    })
    await app.close()
    return answer
  }

  const holds = async (world: World): Promise<void> => {
    const wanted = expected(world)
    const answer = await logIn(world)
    const about = () =>
      `${world.kind}: ${world.chain.map((place) => Object.values(place).join(' ')).join(' | ')}: ${answer.body}`
    if (answer.statusCode !== wanted.status) throw new Error(`${answer.statusCode}, not ${wanted.status}; ${about()}`)
    if (wanted.backend === undefined) return
    const { backend, permissions } = claimsOf(answer.json().access_token)
    if (backend !== wanted.backend) throw new Error(`by ${backend}, not ${wanted.backend}; ${about()}`)
    const should = permissionsExpected(world.chain, wanted.backend).join()
    if (String(permissions) !== should) throw new Error(`${permissions}, not ${should}; ${about()}`)
    const users = await store.users.count()
    if (users !== 1) throw new Error(`${users} users; ${about()}`)
  }

  const stop = fc.constantFrom('next' as const, 'next' as const, 'stop' as const)
  const permission = fc.subarray(['p.a', 'p.b', 'p.c'])
  const veto = fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, fc.subarray(['p.a', 'p.b', 'p.*']))
  const placeOf = (name: Name) =>
    fc.record({
      name: fc.constant(name),
      deed: fc.oneof({ weight: 2, arbitrary: fc.constant<Deed>('unknown') }, fc.constantFrom<Deed>(...deeds[name])),
      ...{ onRejected: stop, onUnavailable: stop, grants: permission, veto },
      isLinked: name in subjects ? fc.boolean() : fc.constant(false)
    })
  const places = (order: readonly Name[]) => fc.tuple(...order.map(placeOf))
  const kind = fc.constantFrom<Kind>('password', 'password', 'password', 'token', 'header')

  await t.test('every rotation, and orders at random, against a model', async (t) => {
    const rotation = fc.nat(names.length - 1).map((by) => [...names.slice(by), ...names.slice(0, by)])
    const shuffled = fc.shuffledSubarray([...names], { minLength: names.length })
    const worldOf = (order: fc.Arbitrary<Name[]>) => fc.record({ chain: order.chain(places), kind })
    const seed = Number(process.env.CHAIN_SEED ?? Date.now() % 2 ** 31)
    t.comment(`CHAIN_SEED=${seed}`)
    const bounds = {
      seed,
      interruptAfterTimeLimit: 25_000,
      markInterruptAsFailure: false,
      endOnFailure: true,
      includeErrorInReport: true
    }
    let count = 0
    let last: Promise<unknown> = Promise.resolve()
    // the one that is under way when the time is over would write its configuration into that of what comes then
    const counted = async (world: World) => {
      count++
      await last
      const held = holds(world)
      last = held.catch(() => {})
      await held
    }
    await fc.assert(fc.asyncProperty(worldOf(rotation), counted), { ...bounds, numRuns: 60 })
    await fc.assert(fc.asyncProperty(worldOf(shuffled), counted), { ...bounds, numRuns: 140 })
    await last
    t.ok(count >= 40, `${count} chains`)
  })

  await t.test('each type accepts last, behind seven that do not know the person', async (t) => {
    for (const name of names) {
      const plain = { onRejected: 'next', onUnavailable: 'next', grants: [], veto: [], isLinked: false } as const
      const others = names
        .filter((one) => one !== name)
        .map((one) => ({ ...plain, name: one, deed: 'unknown' as const }))
      const world: World = { chain: [...others, { ...plain, name, deed: 'accepts' }], kind: takes(name) }
      await holds(world)
      t.pass(name)
    }
  })

  await t.test('a user known to four backends is one user with four identities', async (t) => {
    const plain = { onRejected: 'next', onUnavailable: 'next', veto: [], isLinked: false } as const
    const known: readonly Name[] = ['ldap', 'sql', 'http', 'static']
    const chainBy = (accepting: Name): World => ({
      chain: names.map((name) => ({
        ...plain,
        name,
        deed: name === accepting ? 'accepts' : 'unknown',
        grants: [`p.${name}`]
      })),
      kind: 'password'
    })
    await person1(chainBy('ldap'))
    for (const accepting of known) {
      const app = await createApp((await configure(chainBy(accepting))).parts)
      const payload = { grant_type: 'password', username: email, password }
      const answer = await app.inject({ method: 'POST', url: '/token', payload })
      await app.close()
      t.equal(claimsOf(answer.json().access_token).backend, accepting)
    }
    t.equal(await store.users.count(), 1)
    const user = await store.users.byEmail(email)
    t.same(user?.identities.map(({ backend }) => backend).sort(), [...known].sort())
  })

  /** What `latchkey explain` tells of a chain, as JSON. */
  const explained = async (world: World, args: readonly string[], input = '') => {
    await person1(world)
    await configure(world)
    const env = { LATCHKEY_CONFIG: join(folder, 'latchkey.yaml') }
    const { stdout, stderr } = await command(t, ['explain', '--json', ...args], folder, { input, env })
    const told = JSON.parse(stdout) as Told
    const verdicts = told.steps
      .filter(({ step }) => step === 'verdict')
      .map(({ backend, text }) => `${backend}: ${text}`)
    return { ...told, verdicts, said: stdout + stderr }
  }

  await t.test('explain tells the whole story: every backend’s own steps', async (t) => {
    const plain = { onRejected: 'next', onUnavailable: 'next', grants: ['p.a'], veto: [], isLinked: false } as const
    const deed: Record<Name, Deed> = {
      ...{ proxy: 'accepts', jwt: 'accepts', ldap: 'rejects', static: 'unknown', http: 'down', sql: 'rejects' },
      ...{ custom: 'unknown', local: 'accepts' }
    }
    const chain = (Object.keys(deed) as Name[]).map((name) => ({ ...plain, name, deed: deed[name] }))
    const { outcome, steps, verdicts, said } = await explained(
      { chain, kind: 'password' },
      [email, '--password-stdin'],
      `${password}\n`
    )
    t.equal(outcome, 'accepted', said)
    t.same(
      verdicts.map((line) => line.split(':')[0]),
      Object.keys(deed),
      'each in its order'
    )
    t.match(verdicts[0], /takes no passwords/)
    t.match(verdicts[1], /takes no passwords/)
    t.match(verdicts[2], /the password is wrong/)
    t.match(verdicts[4], /could not tell/)
    for (const step of ['search', 'bind', 'user', 'permission'])
      t.ok(
        steps.some((one) => one.step === step),
        step
      )
    for (const backend of ['ldap', 'http', 'sql'] as const)
      t.ok(
        steps.some((one) => one.backend === backend && one.step !== 'verdict'),
        `${backend} tells what it did`
      )
    t.notMatch(said, new RegExp(`${password}|argon2|${serviceAccount.password}|hhhh`))
  })

  /** Everybody else is ready to accept a password; two have known the person for long, and one of them vetoes. */
  const presenting = (name: 'jwt' | 'proxy', deed: Deed): World => {
    const plain = { onRejected: 'next', onUnavailable: 'next', veto: [] } as const
    const others = names.filter((one) => one !== name)
    const place = (one: Name) => ({ ...plain, name: one, grants: [`p.${one}`], isLinked: false })
    const known = { sql: { isLinked: true, grants: ['p.b'] }, custom: { isLinked: true, veto: ['p.a'] } }
    const chain = others.map((one) => ({ ...place(one), deed: 'accepts' as const, ...Object(Object(known)[one]) }))
    return { chain: [...chain, { ...place(name), deed, grants: ['p.c'] }], kind: takes(name) }
  }
  const outcomes = { 200: 'accepted', 400: 'refused', 503: 'unavailable' } as const

  const given = (name: 'jwt' | 'proxy', token: string): readonly [args: readonly string[], input?: string] =>
    name === 'jwt'
      ? [['--token-stdin', '--permission', 'p.b'], token]
      : [['--header', 'Remote-User=alice', '--header', `Remote-Email=${email}`, '--permission', 'p.b']]

  for (const [name, words] of [
    ['jwt', 'tokens'],
    ['proxy', 'headers']
  ] as const) {
    await t.test(`explain of ${words} through all types foretells the login`, async (t) => {
      for (const deed of deeds[name]) {
        const world = presenting(name, deed)
        const token = tokens[deed] ?? ''
        const told = await explained(world, ...given(name, token))
        const before = await store.users.byEmail(email)
        t.same(before?.identities.map(({ backend }) => backend).sort(), ['custom', 'sql'], 'nothing is written down')
        t.same(
          told.verdicts.slice(0, -1),
          names.filter((one) => one !== name).map((one) => `${one}: takes no ${words}: is not asked`),
          `${deed}: everybody else says so, in the order of the chain`
        )
        t.match(told.verdicts.at(-1), verdictOf[name][deed])
        t.notMatch(told.said, new RegExp(`argon2|${serviceAccount.password}|hhhh|${token.split('.')[2]}`))

        const answer = await logIn(world)
        t.equal(told.outcome, Object(outcomes)[answer.statusCode], `${deed}: ${told.said}`)
        if (answer.statusCode !== 200) {
          t.equal(told.token, null)
          continue
        }
        const { backend, permissions, groups } = claimsOf(answer.json().access_token)
        matchLists(t, told.token, { email, backend, permissions, groups })
        t.same([backend, permissions], [name, ['p.b', 'p.c', 'p.custom', 'p.stored']], 'p.a is vetoed')
        t.match(
          told.permission,
          { granted: true, origins: [{ source: 'sql' }] },
          'who knew the person is asked as well'
        )
        t.ok(told.steps.some(({ step, text }) => step === 'user' && text === `joins the user ${email}`))
      }
    })
  }
})
