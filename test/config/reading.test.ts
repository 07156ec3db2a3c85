// biome-ignore-all lint/suspicious/noTemplateCurlyInString: what the configuration fills in is written so
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { backendDefinitions as definitions } from '../../src/backends/index.ts'
import { createCidrMatcher, fullCidr, isCidr, isLoopback } from '../../src/config/cidr.ts'
import { interpolate } from '../../src/config/interpolation.ts'
import { readConfig } from '../../src/config/read-config.ts'
import { milliseconds } from '../../src/config/units.ts'
import { matchLists } from '../match.ts'

const secret = 'a random text that has 32 bytes!'
const local = 'backends: [{ id: local, type: local }]\n'

/** Reads a configuration in a folder of its own. */
function read(t: Test, yaml: string, env: Record<string, string> = {}, files: Record<string, string> = {}) {
  const cwd = t.testdir({ 'latchkey.yaml': yaml, ...files })
  return readConfig({ env, definitions, cwd })
}

t.test('without a file: SQLite, one local backend, the public client, loopback only', async (t) => {
  const cwd = t.testdir({})
  const config = await readConfig({ env: {}, definitions, cwd })
  t.match(config, {
    baseFolder: cwd,
    firstAdministrator: true,
    publicClient: true,
    issuer: 'http://localhost:8000',
    listen: { host: '127.0.0.1', port: 8000 },
    secrets: [],
    database: { dialect: 'sqlite', file: join(cwd, 'data/latchkey.db') },
    backends: [{ policy: { id: 'local', type: 'local', timeoutMs: 1500, vouches: 'always' }, options: {} }],
    audiences: [{ id: 'http://localhost:8000', permissions: ['*'], algorithm: 'ES256' }],
    limits: { ip: { max: 300, windowMs: 60_000 }, account: { failures: 10, totalFailures: 100, windowMs: 900_000 } }
  })
  t.equal(config.file, undefined)
})

t.test('it is known which backends mirror groups', async (t) => {
  const ldap =
    'type: ldap, servers: ["ldaps://x.org"], bind: { dn: "cn=x", password: y }, users: [{ base: "dc=x", filter: "(uid={username})" }]'
  const groups = (mirror: string) => `{ id: a, ${ldap}, groups: { base: "dc=x"${mirror} } }`
  const proxy = (more: string) => `{ id: a, type: proxy, from: ["127.0.0.1"], headers: { username: X-User${more} } }`
  const cases = [
    [groups(''), false],
    [groups(', mirror: false'), false],
    [groups(', mirror: true'), true],
    [groups(', mirror: [editors]'), true],
    [groups(', mirror: { except: [editors] }'), true],
    [`{ id: a, ${ldap} }`, false],
    [proxy(''), false],
    [proxy(', groups: X-Groups'), true],
    ['{ id: a, type: http, url: "http://127.0.0.1:1/x" }', false],
    ['{ id: a, type: static, users: [{ username: u, email: u@x.org, password: some words of length }] }', false],
    ['{ id: local, type: local }', false]
  ] as const
  for (const [backend, mirrors] of cases)
    t.equal((await read(t, `backends: [${backend}]`)).backends[0]?.policy.mirrors, mirrors, backend)
})

t.test('the environment wins, also where no file is', async (t) => {
  const env = {
    LATCHKEY_ISSUER: 'https://auth.example.com',
    LATCHKEY_HOST: '127.0.0.2',
    LATCHKEY_PORT: '9000',
    LATCHKEY_DATABASE_URL: 'mysql://u:p@h/db',
    LATCHKEY_SECRET: `${secret} with \${PATH} in it`
  }
  const expected = {
    issuer: env.LATCHKEY_ISSUER,
    listen: { host: '127.0.0.2', port: 9000 },
    database: { dialect: 'mysql', url: env.LATCHKEY_DATABASE_URL },
    secrets: [env.LATCHKEY_SECRET]
  }
  t.match(await readConfig({ env, definitions, cwd: t.testdir({}) }), expected)
  const written = `${local}issuer: https://x.org\nlisten: { host: "\${NOPE}", port: 1 }\nsecret: \${NOPE}\n`
  const config = await read(t, `${written}database: { url: mysql://db/x, password: "\${NOPE}" }`, env)
  t.match(config, expected, 'and what it replaces need not be there')
  t.equal(config.database.dialect === 'mysql' && config.database.password, undefined, 'nor be mixed with it')
  const besides = await read(t, `${local}database: { url: mysql://db/x, password: kept }`, {
    LATCHKEY_DATABASE_URL: 'mysql://u@h/db',
    LATCHKEY_SECRET: secret,
    LATCHKEY_HOST: ''
  })
  t.match(besides, { listen: { host: '127.0.0.1' }, database: { url: 'mysql://u@h/db', password: 'kept' } })
})

t.test('with a file nobody is created unasked, and nobody answered unauthenticated', async (t) => {
  t.match(await read(t, local), { firstAdministrator: false, publicClient: false, file: /latchkey\.yaml$/ })
})

t.test('the file is --config, else LATCHKEY_CONFIG, else latchkey.yaml where the process runs', async (t) => {
  const cwd = t.testdir({
    'latchkey.yaml': `${local}listen: { port: 1 }`,
    folder: {
      'b.yaml': `${local}listen: { port: 2 }\ndatabase: { url: file:x.db }`,
      'c.yaml': `${local}listen: { port: 3 }`
    }
  })
  const env = { LATCHKEY_CONFIG: 'folder/b.yaml' }
  const port = async (options: object) => (await readConfig({ env: {}, definitions, cwd, ...options })).listen.port
  t.equal(await port({}), 1)
  t.equal(await port({ env }), 2)
  t.equal(await port({ env, path: join('folder', 'c.yaml') }), 3)
  const { baseFolder, database } = await readConfig({ env, definitions, cwd })
  t.match(
    { baseFolder, database },
    { baseFolder: join(cwd, 'folder'), database: { file: join(cwd, 'folder', 'x.db') } }
  )
  const unwritten = await readConfig({ env: {}, definitions, cwd, path: 'folder/c.yaml' })
  t.match(unwritten.database, { file: join(cwd, 'data/latchkey.db') }, 'the default stays where the process runs')
  const overridden = await readConfig({ env: { ...env, LATCHKEY_DATABASE_URL: 'file:y.db' }, definitions, cwd })
  t.match(overridden.database, { file: join(cwd, 'y.db') })
})

t.test(
  'a file that was named and is not there, or is there and can not be read, never ends in the defaults',
  async (t) => {
    const cwd = t.testdir({})
    const mistake = (message: RegExp) => ({ name: 'ConfigError', mistakes: [{ path: '', message }] })
    await t.rejects(readConfig({ path: 'no.yaml', env: {}, definitions, cwd }), mistake(/no such file/))
    await t.rejects(readConfig({ env: { LATCHKEY_CONFIG: 'no.yaml' }, definitions, cwd }), mistake(/no such file/))
    mkdirSync(join(cwd, 'a/latchkey.yaml'), { recursive: true })
    await t.rejects(readConfig({ env: {}, definitions, cwd: join(cwd, 'a') }), mistake(/EISDIR/))
    mkdirSync(join(cwd, 'b'))
    symlinkSync('nowhere', join(cwd, 'b/latchkey.yaml'))
    await t.rejects(readConfig({ env: {}, definitions, cwd: join(cwd, 'b') }), mistake(/no such file/))
    mkdirSync(join(cwd, 'c'))
    writeFileSync(join(cwd, 'c/latchkey.yml'), local)
    await t.rejects(readConfig({ env: {}, definitions, cwd: join(cwd, 'c') }), mistake(/call it latchkey\.yaml/))
    writeFileSync(join(cwd, 'c/latchkey.yaml'), Buffer.from([0x61, 0x3a, 0xff]))
    await t.rejects(readConfig({ env: {}, definitions, cwd: join(cwd, 'c') }), mistake(/no UTF-8/))
  }
)

t.test(
  'strings are filled in from the environment and from files, and become numbers where those are wanted',
  async (t) => {
    const yaml = `
listen: { port: "\${PORT}" }
publicClient: \${OPEN}
limits: { ip: "\${IP_LIMIT}" }
secret: ["\${file:new}", "\${file:old}"]
permissions: { declare: { a.b: "$\${NAME} is \${NAME}, 1\${DIGIT}" } }
backends: [{ id: local, type: local, create: "\${CREATE}" }]
`
    const env = { PORT: '8443', OPEN: 'true', IP_LIMIT: 'false', NAME: '${PORT}', DIGIT: '2', CREATE: 'false' }
    const config = await read(t, yaml, env, { new: `${secret}\n\n`, old: `${secret} the old one\r\n` })
    t.match(config, {
      listen: { port: 8443 },
      publicClient: true,
      limits: { ip: false },
      permissions: { declare: { 'a.b': '${NAME} is ${PORT}, 12' } },
      backends: [{ policy: { create: false } }]
    })
    t.same(config.secrets, [`${secret}\n`, `${secret} the old one`])
  }
)

t.test(
  'durations become milliseconds and seconds, domains canonical, ranges complete, audiences include the issuer',
  async (t) => {
    const config = await read(
      t,
      `
issuer: https://auth.example.com/id
listen: { trustedProxies: [10.0.0.1, "fd00::/8"] }
ops: { from: [10.0.0.1] }
login: { timeout: 1s, failureFloor: 100ms }
tokens: { accessTtl: 5m, refreshTtl: 2d, refreshIdleTtl: 12h, algorithm: EdDSA, rotate: 90d }
audiences: [{ id: app, permissions: [app.*], algorithm: RS256 }]
clients: [{ id: c, secret: ${secret} }, { id: d, secret: ${secret} 2, audiences: [app, https://auth.example.com/id] }]
users: { attributes: { dept: { type: string, claim: true }, floor: { type: number, claim: level, required: true } } }
backends: [{ id: local, type: local, email: { domains: [Bücher.Example], prefer: domain } }]
`
    )
    t.match(config, {
      listen: { trustedProxies: ['10.0.0.1/32', 'fd00::/8'] },
      ops: { from: ['10.0.0.1/32'] },
      login: { timeoutMs: 1000, failureFloorMs: 100 },
      tokens: {
        accessTtlSeconds: 300,
        refreshTtlSeconds: 172_800,
        refreshIdleTtlSeconds: 43_200,
        rotateMs: 7_776_000_000,
        keyFiles: []
      },
      users: { attributes: { dept: { maxLength: 255, claim: 'dept' }, floor: { claim: 'level', required: true } } },
      backends: [{ policy: { timeoutMs: 1000, email: { domains: ['xn--bcher-kva.example'], prefer: 'domain' } } }]
    })
    t.same(
      config.audiences.map(({ id, algorithm }) => [id, algorithm]),
      [
        ['https://auth.example.com/id', 'EdDSA'],
        ['app', 'RS256']
      ]
    )
    t.same(
      config.clients.map(({ audiences }) => audiences),
      [['https://auth.example.com/id'], ['app', 'https://auth.example.com/id']]
    )
  }
)

t.test(
  'a backend gets exactly its own options, with their defaults; what all have in common is its policy',
  async (t) => {
    const users = 'users: [{ username: a, email: a@example.com, password: x }]'
    const { backends } = await read(t, `backends: [{ id: s, type: static, onRejected: stop, grants: [a.b], ${users} }]`)
    t.same(backends[0]?.options, {
      users: [
        {
          username: 'a',
          email: 'a@example.com',
          password: 'x',
          superuser: false,
          permissions: [],
          groups: [],
          attributes: {}
        }
      ]
    })
    matchLists(t, backends[0]?.policy, {
      onRejected: 'stop',
      onUnavailable: 'next',
      create: true,
      grants: ['a.b'],
      veto: []
    })
  }
)

t.test('anchors, aliases and merge keys work; aliases that multiply do not', async (t) => {
  const merged = `x: &x 9\n`
  await t.rejects(read(t, `${merged}${local}`), { name: 'ConfigError', mistakes: [{ path: 'x' }] })
  const yaml =
    'login: { timeout: &five 5s }\nbackends: [&b { id: a, type: local, timeout: *five, <<: { create: false } }]'
  matchLists(t, await read(t, yaml), { backends: [{ policy: { create: false, timeoutMs: 5000 } }] })
  const bomb = ['a: &a [x, x, x, x, x, x, x, x, x]']
  for (const [name, next] of ['ab', 'bc', 'cd', 'de', 'ef', 'fg'])
    bomb.push(`${next}: &${next} [${Array(9).fill(`*${name}`)}]`)
  await t.rejects(read(t, bomb.join('\n')), { name: 'ConfigError', mistakes: [{ path: '', message: /multiply/ }] })
})

t.test('interpolation', async (t) => {
  const fill = (text: string, env: Record<string, string> = {}) =>
    interpolate({ text }, { env, baseFolder: '/' }) as { value: { text: string }; findings: readonly unknown[] }

  t.test('a text whose ${ are doubled comes back as it was', async () => {
    const texts = fc.array(fc.constantFrom('$', '{', '}', '${', '$${', '${A}', 'A', ' ')).map((parts) => parts.join(''))
    fc.assert(
      fc.property(texts, (text) => {
        const { value, findings } = fill(
          text.replaceAll('${', () => '$${'),
          { A: 'filled' }
        )
        return value.text === text && findings.length === 0
      })
    )
  })

  t.test('what is filled in is never read again', async () => {
    fc.assert(
      fc.property(fc.string(), fc.constantFrom('${B}', '$${B}', '${file:/etc/passwd}', '${'), (text, nested) => {
        const value = `${text}${nested}`
        return fill('<${A}|${A}>', { A: value, B: 'no' }).value.text === `<${value}|${value}>`
      })
    )
  })

  t.test('whatever else begins with ${ is a mistake', async (t) => {
    for (const text of [
      '${',
      '${A',
      '${}',
      '${1A}',
      '${A:-b}',
      '${A B}',
      '${a.b}',
      '${file:}',
      '${${A}}',
      '${file:/${A}}'
    ]) {
      matchLists(t, fill(text, { A: 'x' }).findings, [{ message: /expected \$\{NAME\}/ }], text)
    }
    matchLists(t, fill('${A}').findings, [{ path: ['text'], message: /A is not set/ }])
    matchLists(t, fill('${file:/nowhere/x}').findings, [
      { message: /\/nowhere\/x can't be read: there is no such file/ }
    ])
    matchLists(t, interpolate({ '${A}': 1 }, { env: {}, baseFolder: '/' }).findings, [{ message: /is a key/ }])
    t.same(fill('$A {A} $ {A} A} $$').value.text, '$A {A} $ {A} A} $$')
  })
})

t.test('units: what is written comes back in milliseconds, all else is refused', async (t) => {
  const factors = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
  const unit = fc.constantFrom('ms', 's', 'm', 'h', 'd')
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 99_999_999 }), unit, (amount, unit) => {
      const result = milliseconds(`${amount}${unit}`)
      return result === amount * factors[unit as 's'] && Number.isSafeInteger(result)
    })
  )
  for (const text of [
    '',
    '5',
    's',
    '5 s',
    '5S',
    '0s',
    '05s',
    '-5s',
    '1.5s',
    '1e3s',
    '5sec',
    '5s ',
    '5s\n',
    '123456789s'
  ]) {
    t.throws(() => milliseconds(text), RangeError, text)
  }
})

t.test('CIDRs', async (t) => {
  const matches = createCidrMatcher(['10.0.0.0/8', '192.168.1.7', 'fd00::/8'])
  for (const ip of ['10.1.2.3', '192.168.1.7', 'fd12::1', '::ffff:10.1.2.3']) t.ok(matches(ip), ip)
  for (const ip of ['11.0.0.1', '192.168.1.8', '::1', '', 'nonsense', '10.0.0.0/8']) t.notOk(matches(ip), ip)
  for (const cidr of ['10.0.0.0/33', '::/129', '10.0.0/8', '1', 'a', '/8', '10.0.0.0/', '10.0.0.0/8/8']) {
    t.notOk(isCidr(cidr), cidr)
    t.throws(() => createCidrMatcher([cidr]), RangeError)
  }
  t.same(['10.0.0.1', '::1', '10.0.0.0/8'].map(fullCidr), ['10.0.0.1/32', '::1/128', '10.0.0.0/8'])
  for (const host of ['localhost', 'LOCALHOST', '127.0.0.1', '127.9.9.9', '::1', '[::1]']) t.ok(isLoopback(host), host)
  for (const host of ['0.0.0.0', '::', 'localhost.example.com', '128.0.0.1', '']) t.notOk(isLoopback(host), host)
})

t.test('telemetry goes where the file says, else where the variables of OpenTelemetry do, else nowhere', async (t) => {
  const telemetryOf = async (yaml: string, env: Record<string, string> = {}) =>
    (await read(t, `${local}${yaml}`, env, { 'ca.pem': '-----BEGIN CERTIFICATE-----' })).telemetry
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }
  const sampling = { ratio: 1, followsCaller: true }
  t.equal(await telemetryOf(''), undefined)
  t.equal(await telemetryOf('telemetry: { service: logins }', { OTEL_TRACES_EXPORTER: 'otlp' }), undefined)
  t.match(await telemetryOf('', endpoint), {
    traces: { url: 'http://collector:4318/v1/traces', sampling },
    metrics: { url: 'http://collector:4318/v1/metrics' },
    headers: {}
  })
  t.equal(await telemetryOf('telemetry: false', endpoint), undefined)
  t.equal(await telemetryOf('', { ...endpoint, OTEL_SDK_DISABLED: 'TRUE' }), undefined)
  t.equal(
    await telemetryOf('telemetry: { otlp: { endpoint: "http://x", traces: false, metrics: false } }', endpoint),
    undefined
  )

  const own = await telemetryOf('', {
    ...endpoint,
    OTEL_TRACES_EXPORTER: 'none',
    OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'https://metrics.example.com/otlp',
    OTEL_METRIC_EXPORT_INTERVAL: '5000',
    OTEL_SERVICE_NAME: 'auth'
  })
  t.same(own?.traces, undefined)
  t.same(own?.metrics, { url: 'https://metrics.example.com/otlp', intervalMs: 5000 })
  t.equal(own?.service, 'auth')

  const yaml =
    'telemetry: { service: logins, otlp: { endpoint: "https://x/base/", headers: { a: "${KEY}" }, sampleRatio: "${RATIO}", interval: 5s, tls: { ca: ca.pem } } }'
  const sampler = { OTEL_TRACES_SAMPLER: 'always_off', OTEL_SERVICE_NAME: 'auth' }
  const written = await telemetryOf(yaml, { ...endpoint, ...sampler, KEY: 'k', RATIO: '0.25' })
  t.match(written, {
    service: 'logins',
    traces: { url: 'https://x/base/v1/traces', sampling: { ratio: 0.25, followsCaller: true } },
    metrics: { url: 'https://x/base/v1/metrics', intervalMs: 5000 },
    headers: { a: 'k' },
    tls: { ca: /\/ca\.pem$/ }
  })
  for (const [name, argument, expected] of [
    ['always_on', '', { ratio: 1, followsCaller: false }],
    ['always_off', '0.5', { ratio: 0, followsCaller: false }],
    ['traceidratio', '0.5', { ratio: 0.5, followsCaller: false }],
    ['parentbased_always_off', '', { ratio: 0, followsCaller: true }],
    ['parentbased_traceidratio', '0.5', { ratio: 0.5, followsCaller: true }],
    ['', '0.5', { ratio: 1, followsCaller: true }]
  ] as const) {
    const env = { ...endpoint, OTEL_TRACES_SAMPLER: name, OTEL_TRACES_SAMPLER_ARG: argument }
    t.same((await telemetryOf('', env))?.traces?.sampling, expected, name)
  }
  const both = await telemetryOf('telemetry: { otlp: { endpoint: "https://x" } }', { ...endpoint, ...sampler })
  t.same(both?.traces?.sampling, { ratio: 0, followsCaller: false }, 'what the file leaves open is the environment’s')
  t.equal(both?.service, 'auth')
})
