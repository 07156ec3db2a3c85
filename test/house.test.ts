import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import t from 'tap'

const root = new URL('../src/', import.meta.url).pathname

/** Every import and require of a file: static, dynamic, of types and in JSDoc. */
const importsOf = (file: string): string[] => {
  const text = readFileSync(join(root, file), 'utf8')
  const found = text.matchAll(/(?:\bfrom|\bimport|\bimport\(|\brequire\w*\()\s*'([^']+)'/g)
  return Array.from(found, ([, specifier = '']) =>
    specifier.startsWith('.') ? normalize(join(dirname(file), specifier)) : specifier
  )
}

const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))

/** Who may know whom (folders and files of src, or packages): one way only. */
const rules: ReadonlyArray<{ folder: string; may: (specifier: string) => boolean; says: string }> = [
  {
    folder: 'auth',
    may: (specifier) =>
      /^(auth\/|errors\.ts$|typebox|tr46$)/.test(specifier) ||
      ['node:crypto', 'node:timers/promises'].includes(specifier),
    says: 'auth knows itself and the errors: no HTTP, no SQL, no LDAP, no I/O'
  },
  {
    folder: 'backends',
    may: (specifier) => !/^(store|http|tokens|cli)\/|fastify|drizzle-orm/.test(specifier),
    says: 'a backend knows neither the store nor HTTP'
  },
  {
    folder: 'store',
    may: (specifier) =>
      /^(store\/|errors\.ts$|new-id\.ts$|tokens\/(key|session)-store\.ts$|clients\/client-store\.ts$|webhooks\/delivery-store\.ts$|auth\/(ports|audit|events|backend|user-store|group-store|administration-store|object-grant-store|local-accounts)\.ts$)/.test(
        specifier
      ) ||
      (!specifier.endsWith('.ts') && !/fastify/.test(specifier)),
    says: 'the store knows the ports that it implements'
  },
  {
    folder: 'admin',
    may: (specifier) => /^(admin|auth)\/|^errors\.ts$/.test(specifier),
    says: 'administration knows auth and the errors: its rules stand once, for HTTP and for the command line'
  },
  {
    folder: 'tokens',
    may: (specifier) => !/^(http|backends|store|cli|config)\//.test(specifier),
    says: 'tokens stand beside auth, on the ports of the store'
  },
  {
    folder: 'clients',
    may: (specifier) => !/^(http|backends|store|cli|config)\/|fastify/.test(specifier),
    says: 'clients stand beside auth, on the ports of the store'
  },
  {
    folder: 'webhooks',
    may: (specifier) => !/^(http|backends|store|cli|config)\/|fastify/.test(specifier),
    says: 'webhooks stand beside auth, on the ports of the store'
  },
  {
    folder: 'telemetry',
    may: (specifier) =>
      /^(telemetry\/|auth\/(ports|tracing)\.ts$|errors\.ts$|metrics\.ts$|config\/(config|telemetry-environment)\.ts$|node:|@opentelemetry\/)/.test(
        specifier
      ),
    says: 'telemetry knows the ports of auth and the figures'
  },
  {
    folder: 'http',
    may: (specifier) => !/^(store|backends|cli)\/|drizzle-orm|mysql2|ldapts|node:sqlite/.test(specifier),
    says: 'HTTP knows neither the store nor a backend'
  }
]

t.test('nobody but telemetry knows OpenTelemetry, and nobody loads it unasked', async (t) => {
  for (const file of files.filter((file) => !file.startsWith('telemetry/'))) {
    const imports = importsOf(file)
    t.notMatch(imports.join(), /@opentelemetry/, file)
    const text = readFileSync(join(root, file), 'utf8')
    t.notMatch(text, /^(?!import type).*\bfrom '[^']*\/telemetry\/[^']*'/m, file)
  }
})

for (const { folder, may, says } of rules) {
  t.test(says, async (t) => {
    const mine = files.filter((file) => file.startsWith(`${folder}/`))
    t.ok(mine.length > 0)
    for (const file of mine)
      t.same(
        importsOf(file).filter((specifier) => !may(specifier)),
        [],
        file
      )
  })
}
