import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { temporaryFolder } from '../latchkey.ts'
import { start } from '../process.ts'

const settings = `
secret: ${'s'.repeat(40)}
database: { url: file:latchkey.db }
backends: [{ id: corp, type: static, users: [{ username: a, email: a@example.com, password: correct horse battery }] }]
`

/** Of every number of names, groups, permissions and identities, so that no batch has as many of them as another. */
const lineOf = (n: number): string => {
  const upTo = (most: number, prefix: string) =>
    Array.from({ length: (Math.imul(n, 2_654_435_761) >>> 12) % (most + 1) }, (_, k) => `${prefix}${k}`)
  const identities = upTo(1, '').map(() => ({ backend: 'corp', subject: `s${n}` }))
  const objectGrants = upTo(3, 'd').map((objectId) => ({ permission: 'docs.view', objectType: 'doc', objectId }))
  const lists = { groups: upTo(5, 'group '), permissions: upTo(4, 'blog.do'), loginNames: upTo(2, `p${n}.`) }
  return `${JSON.stringify({ email: `p${n}@example.com`, firstName: 'P', ...lists, identities, objectGrants })}\n`
}

/** Runs a command to its end: what its memory was at most, and what it said. */
async function peakOf(t: Test, folder: string, args: readonly string[]) {
  const { child, said } = start(t, args, folder)
  let peakMiB = 0
  while (child.exitCode === null) {
    const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
    peakMiB = Math.max(peakMiB, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024)
    await sleep(20)
  }
  t.equal(child.exitCode, 0, args.join(' '))
  return { peakMiB, said: said() }
}

t.test('an import and an export take no more memory the more there are', async (t) => {
  const peaks = new Map<number, { imported: number; exported: number }>()
  for (const users of [3000, 30_000]) {
    const folder = await temporaryFolder(t)
    await writeFile(join(folder, 'latchkey.yaml'), settings)
    await writeFile(join(folder, 'users.jsonl'), Array.from({ length: users }, (_, n) => lineOf(n)).join(''))
    const imported = await peakOf(t, folder, ['users', 'import', 'users.jsonl'])
    t.equal(imported.said, `${users} read: ${users} created, 0 there already, 0 refused\n`)
    const exported = await peakOf(t, folder, ['users', 'export'])
    t.equal(exported.said.split('\n').length, users + 1)
    peaks.set(users, { imported: imported.peakMiB, exported: exported.peakMiB })
  }
  const [few, many] = [peaks.get(3000), peaks.get(30_000)]
  t.comment(JSON.stringify([few, many]))
  t.ok(few && many && many.imported < few.imported * 1.4, 'imports')
  t.ok(few && many && many.exported < few.exported * 1.2, 'exports')
})
