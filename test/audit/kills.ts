import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { claimsOf } from '../latchkey.ts'
import { start } from '../process.ts'
import { freePort } from '../servers/free-port.ts'

/**
 * Starts the service so many times and kills it amid logins (SIGKILL). Answers the `jti` of every token that a client got.
 * @param database in YAML; absent: SQLite in the folder
 */
export async function answeredBeforeKills(
  t: { teardown(end: () => unknown): unknown },
  { folder, rounds, database = '' }: { folder: string; rounds: number; database?: string }
): Promise<string[]> {
  const port = await freePort()
  const url = `http://localhost:${port}`
  await writeFile(
    join(folder, 'latchkey.yaml'),
    `issuer: ${url}\nlisten: { port: ${port} }\npublicClient: true\nlimits: { ip: false, account: false }\n${database}` +
      'backends: [{ id: fixed, type: static, users: [{ username: bob, email: bob@example.com, password: "a password of bob" }] }]\n'
  )
  const answered: string[] = []
  for (let round = 0; round < rounds; round++) {
    const server = start(t, ['serve'], folder)
    await server.says(/listening|Server listening/i)
    let isDead = false
    let here = 0
    const client = async () => {
      while (!isDead) {
        const jti = await tokenFrom(url)
        if (jti === undefined) continue
        answered.push(jti)
        if (++here === 10 + (round % 20)) {
          server.child.kill('SIGKILL')
          isDead = true
        }
      }
    }
    await Promise.all(Array.from({ length: 8 }, client))
    await server.end('SIGKILL')
  }
  return answered
}

async function tokenFrom(url: string): Promise<string | undefined> {
  const answer = await fetch(`${url}/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: 'bob', password: 'a password of bob' })
  }).then(
    (response) => (response.ok ? response.json() : undefined),
    () => undefined
  )
  const token = (answer as { access_token?: string } | undefined)?.access_token
  return token === undefined ? undefined : String(claimsOf(token).jti)
}
