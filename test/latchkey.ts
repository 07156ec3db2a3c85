import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import type { Test } from 'tap'
import { createApp } from '../src/app.ts'
import { canonicalEmail } from '../src/auth/email.ts'
import { backendDefinitions } from '../src/backends/index.ts'
import { readConfig } from '../src/config/read-config.ts'
import type { App } from '../src/http/server.ts'
import { type Latchkey, openLatchkey } from '../src/latchkey.ts'
import { openLog } from '../src/log.ts'
import { grantPermissions, joinGroups } from './store/acts.ts'

type Answer = Awaited<ReturnType<App['inject']>>

/** A whole service in its own folder, spoken to without a socket. */
export interface TestLatchkey extends Latchkey {
  readonly app: App
  readonly folder: string
  /** The log so far, as JSON lines. */
  log(): string
  addUser(user: {
    email: string
    password?: string
    superuser?: boolean
    permissions?: string[]
    groups?: string[]
  }): Promise<string>
  /** POST /token as a form. */
  token(fields: Record<string, string>): Promise<Answer>
  /** An access token for somebody. */
  accessToken(username: string, password: string, more?: Record<string, string>): Promise<string>
  userinfo(token: string): Promise<Answer>
}

/** A temporary folder that goes with the test. */
export async function temporaryFolder(t: Test): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-test-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** Opens the service with a configuration in YAML; it is closed with the test. */
export async function openTestLatchkey(
  t: Test,
  yaml: string,
  env: Record<string, string> = {},
  folder?: string,
  times: Parameters<typeof openLatchkey>[2] = {}
): Promise<TestLatchkey> {
  const place = folder ?? (await temporaryFolder(t))
  const path = join(place, 'latchkey.yaml')
  await writeFile(path, yaml)
  const config = await readConfig({ path, env, definitions: backendDefinitions, cwd: place })
  const written: string[] = []
  const stream = new Writable({
    write(chunk, _encoding, done) {
      written.push(String(chunk))
      done()
    }
  })
  const latchkey = await openLatchkey(config, await openLog('debug', { stream }), times)
  const app = await createApp(latchkey.parts)
  t.teardown(async () => {
    await app.close()
    await latchkey.close()
  })
  const token = (fields: Record<string, string>): Promise<Answer> => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    return app.inject({ method: 'POST', url: '/token', headers, payload: new URLSearchParams(fields).toString() })
  }
  return {
    ...latchkey,
    app,
    folder: place,
    log: () => written.join(''),
    addUser: (user) => addUser(latchkey, user),
    token,
    async accessToken(username, password, more = {}) {
      const answer = await token({ grant_type: 'password', username, password, ...more })
      if (answer.statusCode !== 200) throw new Error(`no token for ${username}: ${answer.body}`)
      return answer.json<{ access_token: string }>().access_token
    },
    userinfo: (bearer) => app.inject({ url: '/userinfo', headers: { authorization: `Bearer ${bearer}` } })
  }
}

async function addUser({ store, passwords }: Latchkey, user: Parameters<TestLatchkey['addUser']>[0]): Promise<string> {
  const created = await store.users.create({
    email: canonicalEmail(user.email) ?? '',
    emailVouched: true,
    attributes: {},
    ownAttributes: {},
    isSuperuser: user.superuser ?? false,
    passwordHash: user.password === undefined ? null : await passwords.hash(user.password),
    lastLoginAt: null,
    at: Date.now()
  })
  if (created === 'taken') throw new Error(`${user.email} is taken`)
  if (user.permissions) await grantPermissions(store, created.id, user.permissions)
  if (user.groups) await joinGroups(store, created.id, user.groups, Date.now())
  return created.id
}

/** The claims of a token, unverified. */
export function claimsOf(token: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')) as Record<string, unknown>
}
