import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { claimsOf, openTestLatchkey, temporaryFolder } from '../latchkey.ts'
import { codeOf } from '../recipes.ts'
import { serveIssuer } from '../serve.ts'
import { createCertificates } from '../servers/certificates.ts'
import { issuerKey, startIssuer, type TestIssuer } from '../servers/issuer.ts'
import * as shapes from '../servers/issuer-tokens.ts'

/*
 * The configurations of docs/backends/jwt.md as they stand there, with tokens and key sets as each issuer's documentation
 * shows them. Nothing is replaced but where an issuer is.
 */

const password = 'correct horse battery'
const secret = 'a secret of the blog, of thirty-two bytes or more'
const rsa = await issuerKey('one', 'RS256')
const ofGoogle = codeOf('backends/jwt.md', 'yaml', 'id: google')
const examples = codeOf('backends/jwt.md', 'yaml', 'id: entra')

/** The page's text with other addresses. */
const at = (yaml: string, addresses: Readonly<Record<string, string>>): string =>
  Object.entries(addresses).reduce((text, [from, to]) => {
    if (!text.includes(from)) throw new Error(`the page has no ${from}`)
    return text.replaceAll(from, to)
  }, yaml)

async function open(t: Test, yaml: string, folder?: string) {
  const latchkey = await openTestLatchkey(t, yaml, { BLOG_SECRET: secret }, folder)
  const exchange = (subject_token: string, type = 'jwt') =>
    latchkey.token({
      ...{ grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange', client_id: 'blog', client_secret: secret },
      ...{ subject_token, subject_token_type: `urn:ietf:params:oauth:token-type:${type}` }
    })
  return {
    latchkey,
    /** What the access token holds that comes of a token, and whose it is. */
    async accepted(t: Test, token: string, type?: string) {
      const answer = await exchange(token, type)
      t.equal(answer.statusCode, 200, answer.statusCode === 200 ? 'accepted' : latchkey.log())
      const claims = claimsOf(answer.json().access_token)
      return { claims, user: await latchkey.store.users.byId(String(claims.sub)) }
    },
    /** What the log says of a refusal; the caller hears no reason. */
    async refused(t: Test, token: string, type?: string) {
      const before = latchkey.log().length
      const answer = await exchange(token, type)
      t.match(answer.json(), { error: 'invalid_request' })
      return latchkey.log().slice(before)
    }
  }
}

async function shapedIssuer(
  t: Test,
  shape: shapes.TokenShape,
  ...where: Parameters<typeof startIssuer> extends [Test, unknown, ...infer Rest] ? Rest : never
) {
  const issuer: TestIssuer = await startIssuer(t, rsa, ...where)
  issuer.published = shape.published
  issuer.metadata = { id_token_signing_alg_values_supported: ['RS256'] }
  return { url: issuer.url, sign: (other?: Record<string, unknown>) => shapes.shaped(shape, rsa, issuer.url, other) }
}

t.test('Google: an ID token', async (t) => {
  const { url, sign } = await shapedIssuer(t, shapes.google(rsa))
  const { latchkey, accepted, refused } = await open(t, at(ofGoogle, { 'https://accounts.google.com': url }))
  const id = await latchkey.addUser({ email: 'jsmith@example.com', password })
  const { claims, user } = await accepted(t, await sign(), 'id_token')
  t.match(claims, { sub: id, email: 'jsmith@example.com', email_verified: true, backend: 'google' }, 'the same person')
  t.match(user?.identities, [{ backend: 'google', subject: '10769150350006150715113082367' }])
  t.match(await refused(t, await sign({ aud: 'another.apps.googleusercontent.com' })), 'wrong-audience')
  t.match(await refused(t, await sign({ sub: '2', email: 'jsmith@gmail.com', hd: undefined })), 'no-email')
  await latchkey.addUser({ email: 'other@example.com', password })
  const unverified = await sign({ sub: '3', email: 'other@example.com', email_verified: false })
  t.match(await refused(t, unverified), 'identity_conflict')
})

/** All worked examples in one service, each issuer where the test says, and the clients of the page's first example. */
async function openExamples(t: Test, addresses: Readonly<Record<string, string>>) {
  const folder = await temporaryFolder(t)
  await writeFile(join(folder, 'cluster-keys.json'), JSON.stringify({ keys: shapes.kubernetes(rsa).published }))
  return open(t, at(examples, addresses) + ofGoogle.slice(ofGoogle.indexOf('clients:')), folder)
}

const tenant = '00000000-1111-2222-3333-444444444444'
const entraIssuer = `https://login.microsoftonline.com/${tenant}/v2.0`

t.test('Entra: ID tokens of version 2.0', async (t) => {
  const { url, sign } = await shapedIssuer(t, shapes.entra(rsa), undefined, `/${tenant}/v2.0`)
  const { latchkey, accepted, refused } = await openExamples(t, { [entraIssuer]: url })
  const id = await latchkey.addUser({ email: 'abeli@example.com', password })
  const { claims, user } = await accepted(t, await sign(), 'id_token')
  t.match(claims, { sub: id, email: 'abeli@example.com', email_verified: true, permissions: ['blog.add_post'] })
  const [identity] = user?.identities ?? []
  t.match(identity, { subject: '00000000-0000-0000-66f3-3332eca7ea81', username: 'AbeLi@example.com' })

  const second = await latchkey.addUser({ email: 'grace@example.com', password })
  const other = await accepted(t, await sign({ oid: 'grace', email: 'grace@example.com', xms_edov: '1' }))
  t.equal(other.claims.sub, second, 'Entra also writes "1"')
  await latchkey.addUser({ email: 'ada@example.com', password })
  for (const said of [undefined, false, '0', 'true', 1])
    t.match(await refused(t, await sign({ oid: 'ada', email: 'ada@example.com', xms_edov: said })), 'identity_conflict')
  t.match(await refused(t, await sign({ oid: 'no', email: undefined, xms_edov: undefined })), 'no-email')
  t.match(await refused(t, await sign({ iss: url.replace(tenant, '9188040d-6c67-4c5b-b112-36a304b66dad') })), 'unknown')
})

t.test('Entra: access tokens of version 1.0, whose issuer ends with a slash', async (t) => {
  const { url, sign } = await shapedIssuer(t, shapes.entraOfVersionOne(rsa), undefined, `/${tenant}/`)
  const api = 'api://55555555-6666-7777-8888-999999999999'
  const { accepted } = await openExamples(t, {
    [entraIssuer]: url,
    '"55555555-6666-7777-8888-999999999999"': `"${api}"`
  })
  const { claims, user } = await accepted(t, await sign(), 'access_token')
  t.match(claims, { email: 'abeli@example.com', backend: 'entra' })
  t.notOk(claims.email_verified)
  t.match(user?.identities, [{ subject: '00000000-0000-0000-66f3-3332eca7ea81' }])
})

t.test('Keycloak: access tokens of a realm behind a certificate of its own', async (t) => {
  const certificates = await createCertificates(await temporaryFolder(t))
  const { url, sign } = await shapedIssuer(t, shapes.keycloak(rsa), certificates, '/realms/staff')
  const addresses = { 'https://sso.example.com/realms/staff': url, '/etc/ssl/corp.pem': certificates.ca }
  const { accepted, refused } = await openExamples(t, addresses)
  const { claims, user } = await accepted(t, await sign(), 'access_token')
  t.same(claims.permissions, ['shop.refund', 'shop.sell'], 'the roles of this client alone')
  t.same(claims.groups, ['staff:/sales', 'staff:/sales/north'])
  t.match(user, { email: 'sam@example.com', attributes: { firstName: 'Sam', lastName: 'Teller' } })
  t.match(user?.identities, [{ subject: '36fa0f91-f94d-4a0c-afed-6b7d952e47da', username: 'sam' }])
  t.match(await refused(t, await sign({ aud: 'account' })), 'wrong-audience')
})

t.test('GitLab CI: a project is one user, whoever started the job, and whatever it is called', async (t) => {
  const { url, sign } = await shapedIssuer(t, shapes.gitlab(rsa))
  const { accepted, refused } = await openExamples(t, { 'https://gitlab.example.com': url })
  const first = await sign()
  const { claims, user } = await accepted(t, first, 'id_token')
  t.match(claims, { backend: 'gitlab', email: '20@ci.example.com' })
  t.notOk(claims.email_verified)
  t.match(user?.identities, [{ subject: '20', username: 'my-group/my-project' }])
  t.match(await refused(t, first), 'used-before')
  const renamed = { project_path: 'my-group/renamed', sub: 'project_path:my-group/renamed:ref_type:tag:ref:v1' }
  const later = await accepted(t, await sign({ ...renamed, jti: 'another', user_login: 'other', user_id: '2' }))
  t.equal(later.claims.sub, claims.sub)
  t.match(later.user?.identities, [{ subject: '20', username: 'my-group/renamed' }])
  const elsewhere = await accepted(t, await sign({ jti: 'third', project_id: '21' }))
  t.not(elsewhere.claims.sub, claims.sub)
})

t.test('Kubernetes: a service account with a token for us, by keys in a file', async (t) => {
  const { accepted, refused } = await openExamples(t, {})
  const iss = 'https://kubernetes.default.svc.cluster.local'
  const shape = shapes.kubernetes(rsa)
  const { claims, user } = await accepted(t, await shapes.shaped(shape, rsa, iss))
  t.match(claims, { backend: 'cluster', permissions: ['jobs.run'] })
  t.notOk(claims.email_verified)
  const [identity] = user?.identities ?? []
  t.match(identity, { subject: '14ee3fa4-a7e2-420f-9f9a-dbc4507c3798' })
  t.equal(identity?.username, 'system:serviceaccount:my-namespace:my-serviceaccount')

  const { 'kubernetes.io': own } = shape.claims(iss)
  const again = { ...Object(own), serviceaccount: { name: 'my-serviceaccount', uid: 'made-again' } }
  const made = await accepted(t, await shapes.shaped(shape, rsa, iss, { 'kubernetes.io': again }))
  t.not(made.claims.sub, claims.sub, 'one that was deleted and made again is another, and comes in all the same')
  t.match(await refused(t, await shapes.shaped(shape, rsa, iss, { aud: [iss] })), 'wrong-audience')
  t.match(await refused(t, await shapes.shaped(shape, rsa, iss, { exp: undefined })), 'malformed')
})

t.test('another Latchkey: its access token for us', async (t) => {
  const audiences =
    'audiences: [{ id: "https://auth.example.com", permissions: ["*"] }, { id: "https://other.example", permissions: ["*"] }]'
  const { issuer, latchkey } = await serveIssuer(
    t,
    `publicClient: true\nbackends: [{ id: local, type: local }]\n${audiences}`
  )
  const id = await latchkey.addUser({
    email: 'pat@partner.example',
    password,
    permissions: ['orders.view']
  })
  const { accepted, refused } = await openExamples(t, { 'https://auth.partner.example': issuer })
  const tokenFor = (audience: string) => latchkey.accessToken('pat@partner.example', password, { audience })
  const token = await tokenFor('https://auth.example.com')
  const { claims, user } = await accepted(t, token, 'access_token')
  t.match(claims, { email: 'pat@partner.example', email_verified: true, permissions: ['partner.orders.view'] })
  t.match(user?.identities, [{ backend: 'partner', subject: id, username: 'pat@partner.example' }])
  t.match(await refused(t, token, 'id_token'), 'wrong-type')
  t.match(await refused(t, await tokenFor('https://other.example')), 'wrong-audience')
})
