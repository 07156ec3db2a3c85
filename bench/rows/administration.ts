import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { open, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Dialect, databasesOf, onEachDialect } from '../databases.ts'
import { seedMany } from '../many.ts'
import { folderOf, type Scope } from '../processes.ts'
import { atLeast, atMost, type Row } from '../row.ts'

const users = Number(process.env.BENCH_USERS ?? 100_000)
const main = new URL('../../src/main.ts', import.meta.url).pathname

/** The ids of the backends that `seedMany` gives people identities at. */
const backends = ['ldap', 'rare'].map(
  (id) =>
    `{ id: ${id}, type: static, users: [{ username: a, email: a@example.com, password: "correct horse battery" }] }`
)
const settings = (database: string): string => `
secret: ${'s'.repeat(40)}
database: { url: "${database}" }
backends: [${backends.join(', ')}]
`

/** Export of many users, import of that file into an empty database, and the memory that both take. */
export const administration = onEachDialect(async (scope, dialect): Promise<Row[]> => {
  const database = await databasesOf(scope, dialect, '1G')
  const few = await thereAndBack(scope, database, Math.max(1, Math.round(users / 10)))
  const all = await thereAndBack(scope, database, users)
  return [
    ...rowsOf('export', dialect, few.exported, all.exported),
    ...rowsOf('import', dialect, few.imported, all.imported)
  ]
})

interface Run {
  readonly seconds: number
  readonly peakMiB: number
}

function rowsOf(what: 'export' | 'import', dialect: Dialect, few: Run, all: Run): Row[] {
  const rate = { name: `users ${what} of ${users}, ${dialect}`, unit: '/s', note: 'the whole command, without hashing' }
  const memory = { name: `its peak memory, ${dialect}`, unit: 'MiB', note: 'limit: with a tenth of the users' }
  return [
    atLeast(1, { ...rate, pairs: [[5000, users / all.seconds]] }),
    atMost(1.5, { ...memory, limit: few.peakMiB, ours: all.peakMiB })
  ]
}

async function thereAndBack(scope: Scope, database: (name: string) => Promise<string>, count: number) {
  const [from, to] = [await database(`from${count}`), await database(`to${count}`)]
  await seedMany(from, count, 1)
  const folder = await folderOf(scope)
  const file = join(folder, 'users.jsonl')
  await writeFile(join(folder, 'latchkey.yaml'), settings(from))
  const exported = await command(folder, ['users', 'export'], file)
  const lines = (await readFile(file, 'utf8')).split('\n').length - 1
  if (lines !== count) throw new Error(`${lines} of ${count} users were exported`)
  await writeFile(join(folder, 'latchkey.yaml'), settings(to))
  await command(folder, ['migrate'], join(folder, 'migrated'))
  const report = join(folder, 'report')
  const imported = await command(folder, ['users', 'import', file, '--json'], report)
  const { created } = JSON.parse(await readFile(report, 'utf8'))
  if (created !== count) throw new Error(`${created} of ${count} users were imported`)
  return { exported, imported }
}

/** Runs `latchkey ARGS` in a folder, its output in a file. */
async function command(folder: string, args: readonly string[], output: string): Promise<Run> {
  const file = await open(output, 'w')
  const began = performance.now()
  const child = spawn(process.execPath, [main, ...args], { cwd: folder, stdio: ['ignore', file.fd, 'inherit'] })
  let peakMiB = 0
  const look = setInterval(async () => {
    const status = await readFile(`/proc/${child.pid}/status`, 'utf8').catch(() => '')
    peakMiB = Math.max(peakMiB, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024)
  }, 100)
  const [code] = await once(child, 'close')
  clearInterval(look)
  await file.close()
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}`)
  return { seconds: (performance.now() - began) / 1000, peakMiB }
}
