// biome-ignore-all lint/suspicious/noTemplateCurlyInString: what the configuration fills in is written so
import { readFileSync, writeFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { Check } from 'typebox/schema'
import { parse } from 'yaml'
import { backendDefinitions as definitions } from '../../src/backends/index.ts'
import { Common } from '../../src/config/backend-schema.ts'
import { ConfigError } from '../../src/config/config-error.ts'
import { configSchema } from '../../src/config/json-schema.ts'
import { loadAll } from '../../src/config/module-types.ts'
import { readConfig } from '../../src/config/read-config.ts'
import { ConfigFile } from '../../src/config/schema.ts'
import { rowsOf } from './rows.ts'

const read = (name: string) => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8')
const page = read('docs/configuration.md')
const examplesOf = (text: string) => [...text.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, yaml = '']) => yaml)
const examples = [...examplesOf(page), ...examplesOf(read('docs/ldap.md'))]
const local = 'backends: [{ id: local, type: local }]\n'

const hash = '$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaA'
const valueOfName = (name: string) => (name.endsWith('_HASH') ? hash : `${name} `.padEnd(40, 'x'))

/** Reads an example whose variables and secret files are all there. */
function load(t: Test, yaml: string) {
  const names = [...yaml.matchAll(/(?<!\$)\$\{(?:file:secrets\/)?([\w-]+)\}/g)].map(([, name = '']) => name)
  const values = Object.fromEntries(names.map((name) => [name, valueOfName(name)]))
  const whole = /^backends:/m.test(yaml) ? yaml : `${yaml}${local}`
  const cwd = t.testdir({ 'latchkey.yaml': whole, secrets: values })
  return { config: readConfig({ env: values, definitions, cwd }), tree: parse(whole) }
}

const all = await loadAll(definitions)
const schema = configSchema(all)
const validate = (tree: unknown): boolean => Check(schema, tree)

t.test('every example on the page can be used as it is, and an editor thinks so too', async (t) => {
  t.ok(examples.length >= 8)
  for (const yaml of examples) {
    const { config, tree } = load(t, yaml)
    await t.resolves(config, yaml)
    t.ok(validate(tree), yaml)
  }
})

t.test('every key has its row on the page, with type, default and meaning', async (t) => {
  const schemas = [ConfigFile, Common, ...Object.values(all).map(({ options }) => options)]
  const rows = schemas.flatMap((schema) => rowsOf(schema))
  t.ok(rows.length > 80)
  for (const { key, line } of rows) {
    t.ok(page.includes(`\n${line}\n`), key, { found: line })
    t.match(line, /[^|] \|$/, `${key} is described`)
  }
  const documented = page.split('\n').filter((line) => /^\| `/.test(line))
  t.same(
    documented.filter((line) => !rows.some((row) => row.line === line)),
    [],
    'and nothing else has'
  )
})

t.test('latchkey.schema.json is what `latchkey check --schema` prints', async (t) => {
  const current = `${JSON.stringify(schema, null, 2)}\n`
  t.equal(
    read('latchkey.schema.json') === current,
    true,
    'npm run -s latchkey -- check --schema > latchkey.schema.json'
  )
})

t.test('an editor sees slips of the pen, and takes ${…} anywhere', async (t) => {
  const wrong = [
    `${local}isuer: x`,
    'issuer: https://a.example',
    'backends: []',
    'backends: [{ id: a, type: locale }]',
    'backends: [{ id: a }]',
    'backends: [{ id: a, type: local, users: [] }]',
    'backends: [{ id: a, type: static, users: [{ username: a }] }]',
    `${local}listen: { port: "8000" }`,
    `${local}login: { timeout: 5 }`,
    `${local}limits: { ip: true }`,
    `${local}permissions: { declare: { blog: x } }`
  ]
  for (const yaml of wrong) t.notOk(validate(parse(yaml)), yaml)
  const filled = '{ port: "${A}", trustedProxies: ["${A}"] }\nlogin: { timeout: "${A}" }\nlimits: { ip: "${A}" }'
  t.ok(validate(parse(`${local}listen: ${filled}\npublicClient: "\${A}"\ntokens: { algorithm: "\${A}" }`)))
})

t.test('the example of the contract can be used as it is', async (t) => {
  const example = read('test/config/contract.golden.yaml')
  t.ok(validate(parse(example)), 'an editor thinks so too')
  t.match(await load(t, example).config, {
    issuer: 'https://auth.example.com',
    database: { dialect: 'mysql', password: /^DB_PASSWORD/ },
    backends: [
      {
        policy: { id: 'corp', email: { domains: ['example.com'] } },
        options: {
          groups: { mirror: ['editors'] },
          require: { any: [{ group: 'cn=staff,ou=groups,dc=example,dc=com' }] }
        }
      },
      { policy: { id: 'local' } }
    ],
    clients: [{ id: 'blog', audiences: ['https://blog.example.com'], backends: ['corp'] }],
    tokens: { accessTtlSeconds: 600, refreshTtlSeconds: 2_592_000, refreshIdleTtlSeconds: 604_800 },
    limits: { ip: { max: 300, windowMs: 60_000 }, account: { failures: 10, windowMs: 900_000 } }
  })
})

/** Where something stands in a tree: all places. */
function placesIn(tree: unknown): Array<ReadonlyArray<string | number>> {
  const parts: Array<[string | number, unknown]> = Array.isArray(tree)
    ? [...tree.entries()]
    : Object.entries(Object(tree))
  if (typeof tree === 'string') return []
  return parts.flatMap(([key, part]) => [[key], ...placesIn(part).map((rest) => [key, ...rest])])
}

/** Another value, or none, at a place. */
function changed(tree: object, place: ReadonlyArray<string | number>, value: unknown): object {
  const copy = structuredClone(tree)
  const last = place.at(-1) ?? ''
  const holder = Object(place.slice(0, -1).reduce<unknown>((part, key) => Object(part)[key], copy))
  if (value !== undefined) holder[last] = value
  else if (Array.isArray(holder)) holder.splice(Number(last), 1)
  else delete holder[last]
  return copy
}

t.test('whatever of an example is left out, or of another kind, is taken by both, or told as mistakes', async (t) => {
  const pages = ['docs/webhooks.md', 'docs/backends/proxy.md', 'docs/backends/http.md', 'docs/backends/jwt.md']
  const all = [
    ...examples,
    ...pages.flatMap((name) => examplesOf(read(name))),
    read('test/config/contract.golden.yaml')
  ]
  const cwd = t.testdir({ secrets: {}, a: `${'x'.repeat(40)}` })
  const env = { A: 'x'.repeat(40) }
  let taken = 0
  for (const yaml of all) {
    const tree = parse((/^backends:/m.test(yaml) ? yaml : `${yaml}${local}`).replace(/\$\{[^}]*\}/g, '${A}'))
    for (const place of placesIn(tree)) {
      for (const value of [undefined, null, 7, true, '', 'x', '${A}', [], {}]) {
        const other = changed(tree, place, value)
        writeFileSync(`${cwd}/latchkey.yaml`, JSON.stringify(other))
        const error = await readConfig({ env, definitions, cwd }).then(
          () => undefined,
          (error) => error
        )
        const isTold = error === undefined ? validate(other) : error instanceof ConfigError && error.mistakes.length > 0
        if (error === undefined) taken++
        if (!isTold) t.fail(`${place.join('.')} as ${JSON.stringify(value)}`, { error: `${error?.stack}`, yaml })
      }
    }
  }
  t.ok(taken > 100, `${taken} of these are no mistakes`)
})
