import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { decodeProtectedHeader } from 'jose'
import t, { type Test } from 'tap'
import { claimsOf, temporaryFolder } from './latchkey.ts'
import { codeOf, recipes } from './recipes.ts'
import { serveIssuer } from './serve.ts'
import { startApache } from './servers/apache.ts'
import { issuerKey, signed } from './servers/issuer.ts'
import { hasApache, needs } from './servers/needs.ts'
import { startNginx } from './servers/nginx.ts'
import { grantPermissions } from './store/acts.ts'

const run = promisify(execFile)

const blog = 'https://blog.example.com'
const shop = 'https://shop.example.com'
const spring = 'https://spring.example.com'
const brief = 'https://brief.example.com'
const yaml = `
publicClient: true
clients: [{ id: apache, secret: "${'apache '.repeat(8)}", audiences: ["${blog}"], grants: [password] }]
backends: [{ id: local, type: local }]
audiences:
  - { id: "${blog}", permissions: ["blog.*"] }
  - { id: "${shop}", permissions: ["shop.*"] }
  - { id: "${spring}", permissions: ["*"], typ: JWT }
  - { id: "${brief}", permissions: ["*"], accessTtl: 1s }
`
const ann = 'ann@example.com'
const password = 'correct horse battery'

async function open(t: Test) {
  const { issuer, latchkey } = await serveIssuer(t, yaml)
  const id = await latchkey.addUser({ email: ann, password, permissions: ['blog.add_post', 'shop.sell'] })
  const tokenFor = (audience: string) => latchkey.accessToken(ann, password, { audience })
  return { issuer, latchkey, id, tokenFor, token: await tokenFor(blog) }
}

/** A token with one character of its signature changed. */
function changed(token: string): string {
  const [head, body, signature = ''] = token.split('.')
  return `${head}.${body}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`
}

interface Failure {
  readonly stdout: string
  readonly stderr: string
}

/** Tokens for the blog, and for others, each wrong in one way. */
async function wrongTokens(token: string, tokenFor: (audience: string) => Promise<string>) {
  const header = decodeProtectedHeader(token)
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  return {
    changed: changed(token),
    'signed with another key': await signed(await issuerKey(String(header.kid)), claimsOf(token), header),
    'not signed': `${part({ ...header, alg: 'none' })}.${token.split('.')[1]}.`,
    'for another audience': await tokenFor(shop),
    'of another type': await tokenFor(spring),
    expired: await tokenFor(brief)
  }
}

t.test('the recipes of verify.md, over HTTP', async (t) => {
  const { issuer, token, tokenFor } = await open(t)
  const wrong = await wrongTokens(token, tokenFor)
  const expired = delay(2100)
  for (const { name, skip, make, complaints } of recipes) {
    await t.test(name, { skip }, async (t) => {
      const [file, ...args] = await make(await temporaryFolder(t))
      /** What the program says, on either stream. */
      const verify = async (given: string, audience = blog): Promise<string> => {
        const env = { ...process.env, ISSUER: issuer, AUDIENCE: audience, TOKEN: given }
        const { stdout, stderr } = await run(file, args, { env }).catch((error: Failure) => error)
        return stdout + stderr
      }
      t.equal(await verify(token), 'ann@example.com local blog.add_post\n')
      t.match(await verify(wrong.changed), complaints.signature)
      t.match(await verify(wrong['signed with another key']), complaints.signature)
      t.match(await verify(wrong['not signed']), complaints.algorithm)
      t.match(await verify(wrong['for another audience']), complaints.audience)
      t.match(await verify(wrong['of another type'], spring), complaints.typ)
      await expired
      t.match(await verify(wrong.expired, brief), complaints.expired)
    })
  }
})

/** A service behind the gateway that answers with what it was sent. */
async function startBlog(t: Test): Promise<{ port: number; asked: () => number }> {
  let asked = 0
  const server = createServer((request, response) => {
    asked += 1
    response.end(JSON.stringify(request.headers))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return { port: (server.address() as AddressInfo).port, asked: () => asked }
}

t.test('nginx with auth_request, as the pages configure it', { skip: needs('nginx') }, async (t) => {
  const { issuer, latchkey, id, token } = await open(t)
  const upstream = await startBlog(t)
  const pages = [codeOf('http.md', 'nginx', 'auth_request'), codeOf('verify.md', 'nginx', 'auth_request')].join('\n')
  const gateway = await startNginx(t, pages.replaceAll('http://latchkey:8000', issuer), upstream.port)
  const ask = (path: string, bearer?: string, more: RequestInit = {}) =>
    fetch(`${gateway}${path}`, {
      ...more,
      headers: { ...more.headers, ...(bearer && { authorization: `Bearer ${bearer}` }) }
    })

  const forged = { 'x-auth-subject': 'root', 'x-auth-email': 'root', 'x-auth-backend': 'x', 'x-auth-permissions': '*' }
  const good = await ask('/blog/', token, { headers: forged, method: 'POST', body: 'a post' })
  t.equal(good.status, 200)
  const seen = (await good.json()) as IncomingHttpHeaders
  t.match(seen, {
    ...{ 'x-auth-subject': id, 'x-auth-email': ann, 'x-auth-backend': 'local', 'x-auth-permissions': 'blog.add_post' },
    'content-length': '6'
  })
  t.equal(upstream.asked(), 1)

  for (const [path, bearer, status, challenge] of [
    ['/blog/', undefined, 401, 'Bearer realm="latchkey"'],
    ['/blog/', changed(token), 401, 'Bearer error="invalid_token", realm="latchkey"'],
    ['/blog/edit/', token, 403, null],
    ['/latchkey', token, 404, null]
  ] as const) {
    const answer = await ask(path, bearer)
    t.match([answer.status, answer.headers.get('www-authenticate')], [status, challenge], `${path}: ${status}`)
  }
  t.equal(upstream.asked(), 1, 'nobody who was refused got there')

  await grantPermissions(latchkey.store, id, ['blog.change_post'])
  const editor = await latchkey.accessToken(ann, password, { audience: blog })
  t.equal((await ask('/blog/edit/', editor)).status, 200)
  await latchkey.store.users.logOut(id, Date.now() + 1000)
  t.equal((await ask('/blog/', editor)).status, 401, 'logged out everywhere: at once')
})

const apache = (issuer: string) => `
OIDCCryptoPassphrase "a passphrase that is Apache's own"
OIDCOAuthServerMetadataURL ${issuer}/.well-known/oauth-authorization-server
OIDCOAuthClientID apache
OIDCOAuthClientSecret "${'apache '.repeat(8)}"
OIDCOAuthRemoteUserClaim email
<Location />
  AuthType oauth20
  <RequireAll>
    Require claim aud:${blog}
    Require claim permissions:blog.add_post
  </RequireAll>
</Location>
<Location /edit/>
  Require claim permissions:blog.change_post
</Location>`

t.test(
  'Apache with mod_auth_openidc as a resource server',
  {
    skip: !hasApache() && 'needs apache2 with mod_auth_openidc, which this machine does not have'
  },
  async (t) => {
    const { issuer, token, tokenFor } = await open(t)
    const gateway = await startApache(t, apache(issuer))
    const ask = async (path: string, bearer?: string) =>
      (await fetch(`${gateway}${path}`, { headers: bearer ? { authorization: `Bearer ${bearer}` } : {} })).status
    t.equal(await ask('/index.html', token), 200)
    t.equal(await ask('/index.html'), 401)
    t.equal(await ask('/index.html', changed(token)), 401)
    t.equal(await ask('/edit/index.html', token), 401, 'a permission that is not held')
    t.equal(await ask('/index.html', await tokenFor(spring)), 401, 'a token for another audience')
  }
)
