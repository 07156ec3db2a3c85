import { createRemoteJWKSet, jwtVerify } from 'jose'
import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'
import t, { type Test } from 'tap'
import type { TestLatchkey } from '../latchkey.ts'
import { matchLists } from '../match.ts'
import { serveIssuer } from '../serve.ts'

/** Everything that HTTP Basic and forms treat in a way of their own. */
const oddId = 'odd:name+100%&=?/'
const oddSecret = 'ö:%41 +&=/?# "und" ein langes Geheimnis mit ß'
const webSecret = 'the secret of web, thirty-two bytes and more'
const grants = '[password, refresh_token, client_credentials, "urn:ietf:params:oauth:grant-type:token-exchange"]'
const yaml = `
login: { failureFloor: 1ms }
limits: { ip: false, account: { failures: 5, window: 1m } }
backends: [{ id: local, type: local }]
audiences: [{ id: "https://blog.example.com", permissions: ["blog.*"] }, { id: "https://shop.example.com", permissions: ["shop.*"] }]
clients:
  - { id: web, secret: "${webSecret}", audiences: ["https://blog.example.com", "https://shop.example.com"],
      grants: ${grants}, permissions: [blog.index] }
  - { id: "\${ODD_ID}", secret: "\${ODD_SECRET}", audiences: ["https://blog.example.com"], grants: [password, client_credentials] }
`
const person = { username: 'ann@example.com', password: 'correct horse: battery & 100% stäple+' }
const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange'
const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token'
const blog = 'https://blog.example.com'

async function open(t: Test): Promise<{ issuer: string; latchkey: TestLatchkey; id: string }> {
  const { issuer, latchkey } = await serveIssuer(t, yaml, { ODD_ID: oddId, ODD_SECRET: oddSecret })
  const permissions = ['blog.add_post', 'shop.sell']
  const id = await latchkey.addUser({ email: person.username, password: person.password, permissions })
  return { issuer, latchkey, id }
}

const ways = {
  client_secret_basic: { openid: openid.ClientSecretBasic, oauth: oauth.ClientSecretBasic },
  client_secret_post: { openid: openid.ClientSecretPost, oauth: oauth.ClientSecretPost }
}

t.test('openid-client', async (t) => {
  const { issuer, id } = await open(t)
  for (const algorithm of ['oidc', 'oauth2'] as const) {
    for (const [way, { openid: authentication }] of Object.entries(ways)) {
      await t.test(`discovery by ${algorithm}, ${way}`, async (t) => {
        const discover = (clientId: string, secret: string) =>
          openid.discovery(new URL(issuer), clientId, undefined, authentication(secret), {
            algorithm,
            execute: [openid.allowInsecureRequests]
          })
        const web = await discover('web', webSecret)
        t.equal(web.serverMetadata().issuer, issuer)
        t.ok(web.serverMetadata().token_endpoint_auth_methods_supported?.includes(way))

        const tokens = await openid.genericGrantRequest(web, 'password', person)
        t.equal(tokens.token_type, 'bearer')
        t.equal(tokens.expires_in, 600)
        t.match(await openid.fetchUserInfo(web, tokens.access_token, id), { sub: id, email: person.username })

        const refreshed = await openid.refreshTokenGrant(web, tokens.refresh_token ?? '')
        t.not(refreshed.access_token, tokens.access_token)
        t.not(refreshed.refresh_token, tokens.refresh_token)

        const own = await openid.clientCredentialsGrant(web)
        t.match(await openid.tokenIntrospection(web, own.access_token), { active: true, sub: 'web', client_id: 'web' })

        const exchanged = await openid.genericGrantRequest(web, exchangeGrant, {
          subject_token: refreshed.access_token,
          subject_token_type: accessTokenType,
          resource: 'https://shop.example.com'
        })
        t.equal(exchanged.issued_token_type, accessTokenType)
        t.match(await openid.tokenIntrospection(web, exchanged.access_token), {
          ...{ active: true, sub: id, aud: 'https://shop.example.com', permissions: ['shop.sell'] },
          act: { sub: 'web' }
        })

        await openid.tokenRevocation(web, refreshed.refresh_token ?? '')
        t.same({ ...(await openid.tokenIntrospection(web, exchanged.access_token)) }, { active: false })
        await t.rejects(openid.refreshTokenGrant(web, refreshed.refresh_token ?? ''), refusal(400, 'invalid_grant'))
        await t.rejects(openid.genericGrantRequest(web, 'password', { ...person, password: 'wrong' }), {
          ...refusal(400, 'invalid_grant'),
          error_description: 'The credentials were not accepted'
        })
        await t.rejects(openid.fetchUserInfo(web, refreshed.access_token, id), {
          code: 'OAUTH_WWW_AUTHENTICATE_CHALLENGE',
          status: 401,
          cause: [{ scheme: 'bearer', parameters: { realm: 'latchkey', error: 'invalid_token' } }]
        })

        const odd = await discover(oddId, oddSecret)
        t.match(await openid.clientCredentialsGrant(odd), { token_type: 'bearer' }, 'special characters')
        t.match(await openid.genericGrantRequest(odd, 'password', person), { token_type: 'bearer' })
        const wrong = await discover('web', oddSecret)
        await t.rejects(openid.clientCredentialsGrant(wrong), invalidClient(way))
      })
    }
  }
})

const refusal = (status: number, error: string) => ({ code: 'OAUTH_RESPONSE_BODY_ERROR', status, error })

/** RFC 6749 5.2: a challenge in the scheme that the client used, and none where it used none. */
const invalidClient = (way: string) =>
  way === 'client_secret_basic'
    ? {
        code: 'OAUTH_WWW_AUTHENTICATE_CHALLENGE',
        status: 401,
        cause: [{ scheme: 'basic', parameters: { realm: 'latchkey' } }]
      }
    : refusal(401, 'invalid_client')

const insecure = { [oauth.allowInsecureRequests]: true }

t.test('oauth4webapi', async (t) => {
  const { issuer, id } = await open(t)
  const client: oauth.Client = { client_id: 'web' }
  for (const algorithm of ['oidc', 'oauth2'] as const) {
    const found = await oauth.discoveryRequest(new URL(issuer), { algorithm, ...insecure })
    const server = await oauth.processDiscoveryResponse(new URL(issuer), found)
    for (const [way, { oauth: authentication }] of Object.entries(ways)) {
      await t.test(`discovery by ${algorithm}, ${way}`, async (t) => {
        const secret = authentication(webSecret)
        const ask = async (grant: string, parameters: Record<string, string>) =>
          oauth.processGenericTokenEndpointResponse(
            server,
            client,
            await oauth.genericTokenEndpointRequest(server, client, secret, grant, parameters, insecure)
          )
        const introspect = async (token: string) =>
          oauth.processIntrospectionResponse(
            server,
            client,
            await oauth.introspectionRequest(server, client, secret, token, insecure)
          )
        const tokens = await ask('password', { ...person, scope: 'blog.add_post' })
        t.equal(tokens.scope, 'blog.add_post')
        const refreshed = await oauth.processRefreshTokenResponse(
          server,
          client,
          await oauth.refreshTokenGrantRequest(server, client, secret, tokens.refresh_token ?? '', insecure)
        )
        const own = await oauth.processClientCredentialsResponse(
          server,
          client,
          await oauth.clientCredentialsGrantRequest(server, client, secret, {}, insecure)
        )
        const exchanged = await ask(exchangeGrant, {
          ...{ subject_token: refreshed.access_token, subject_token_type: accessTokenType },
          audience: 'https://shop.example.com'
        })

        const called = (token: string) => new Request(blog, { headers: { authorization: `Bearer ${token}` } })
        const verify = (token: string) => oauth.validateJwtAccessToken(server, called(token), blog, insecure)
        const claims = await verify(refreshed.access_token)
        t.match(claims, { iss: issuer, sub: id, aud: blog, client_id: 'web', backend: 'local', scope: 'blog.add_post' })
        matchLists(t, await verify(own.access_token), { sub: 'web', permissions: ['blog.index'] })
        await t.rejects(verify(exchanged.access_token), { code: 'OAUTH_JWT_CLAIM_COMPARISON_FAILED' })

        t.match(await introspect(refreshed.access_token), { active: true, sub: id, jti: claims.jti })
        for (const who of [client, { ...client, introspection_signed_response_alg: 'ES256' }]) {
          const options = { requestJwtResponse: true, ...insecure }
          const answer = await oauth.introspectionRequest(server, who, secret, refreshed.access_token, options)
          t.equal(answer.headers.get('content-type'), 'application/token-introspection+jwt')
          t.match(await oauth.processIntrospectionResponse(server, who, answer), { active: true, jti: claims.jti })
          await oauth.validateApplicationLevelSignature(server, answer, insecure)
        }

        const userinfo = await oauth.userInfoRequest(server, client, refreshed.access_token, insecure)
        t.match(await oauth.processUserInfoResponse(server, client, id, userinfo), { email: person.username })
        const url = new URL(`${issuer}/auth`)
        const direct = await oauth.protectedResourceRequest(
          refreshed.access_token,
          'GET',
          url,
          undefined,
          null,
          insecure
        )
        t.equal(direct.status, 204)

        const revoke = async (token: string) =>
          oauth.processRevocationResponse(await oauth.revocationRequest(server, client, secret, token, insecure))
        await revoke(exchanged.access_token)
        t.same({ ...(await introspect(exchanged.access_token)) }, { active: false })
        t.match(await introspect(refreshed.access_token), { active: true })
        await revoke(refreshed.refresh_token ?? '')
        t.same({ ...(await introspect(refreshed.access_token)) }, { active: false })

        await t.rejects(ask('password', { ...person, password: 'wrong' }), refusal(400, 'invalid_grant'))
        const elsewhere = ask('password', { ...person, audience: 'https://nobody.example.com' })
        await t.rejects(elsewhere, refusal(400, 'invalid_target'))
        await t.rejects(ask('implicit', {}), refusal(400, 'unsupported_grant_type'))
        await t.rejects(ask('password', { ...person, scope: '"' }), refusal(400, 'invalid_scope'))
        await t.rejects(ask('password', { username: person.username }), refusal(400, 'invalid_request'))
      })
    }
  }

  await t.test('special characters, and who is refused, by both ways', async (t) => {
    const server = await metadataOf(issuer)
    for (const [way, { oauth: authentication }] of Object.entries(ways)) {
      const grantTo = async (client_id: string, secret: string) =>
        oauth.processClientCredentialsResponse(
          server,
          { client_id },
          await oauth.clientCredentialsGrantRequest(server, { client_id }, authentication(secret), {}, insecure)
        )
      t.match(await grantTo(oddId, oddSecret), { access_token: String }, way)
      await t.rejects(grantTo(oddId, webSecret), invalidClient(way), way)
      await t.rejects(grantTo('nobody', oddSecret), invalidClient(way), way)
      const answer = await oauth.introspectionRequest(server, client, authentication('x'), 'x', insecure)
      await t.rejects(oauth.processIntrospectionResponse(server, client, answer), invalidClient(way))
    }
  })

  await t.test('429 is told as an error, with its header', async (t) => {
    const server = await metadataOf(issuer)
    const secret = oauth.ClientSecretPost(webSecret)
    const guess = { username: 'guessed@example.com', password: 'x' }
    const ask = () => oauth.genericTokenEndpointRequest(server, client, secret, 'password', guess, insecure)
    for (let n = 0; n < 5; n++) await ask()
    const answer = await ask()
    t.match(answer.headers.get('retry-after'), /^\d+$/)
    await t.rejects(oauth.processGenericTokenEndpointResponse(server, client, answer), refusal(429, 'slow_down'))
  })
})

const metadataOf = async (issuer: string): Promise<oauth.AuthorizationServer> =>
  oauth.processDiscoveryResponse(new URL(issuer), await oauth.discoveryRequest(new URL(issuer), insecure))

t.test('jose: a remote key set, and what it refuses', async (t) => {
  const { issuer, latchkey } = await open(t)
  const token = await latchkey.accessToken(person.username, person.password, {
    client_id: 'web',
    client_secret: webSecret
  })
  const keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`))
  const good = { issuer, audience: blog, typ: 'at+jwt', algorithms: ['ES256'] }
  const { payload, protectedHeader } = await jwtVerify(token, keys, good)
  matchLists(t, payload, { email: person.username, backend: 'local', permissions: ['blog.add_post'] })
  t.match(protectedHeader, { alg: 'ES256', typ: 'at+jwt', kid: String })
  await t.rejects(jwtVerify(token, keys, { ...good, audience: issuer }), { code: 'ERR_JWT_CLAIM_VALIDATION_FAILED' })
  await t.rejects(jwtVerify(token, keys, { ...good, typ: 'JWT' }), { code: 'ERR_JWT_CLAIM_VALIDATION_FAILED' })
  const [head, body, signature = ''] = token.split('.')
  const changed = `${head}.${body}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`
  await t.rejects(jwtVerify(changed, keys, good), { code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED' })
})
