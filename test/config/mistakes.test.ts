// biome-ignore-all lint/suspicious/noTemplateCurlyInString: what the configuration fills in is written so
import fc from 'fast-check'
import t, { type Test } from 'tap'
import Type from 'typebox'
import { defineBackend } from '../../src/auth/define-backend.ts'
import { eventTypes } from '../../src/auth/events.ts'
import { backendDefinitions } from '../../src/backends/index.ts'
import { ConfigError } from '../../src/config/config-error.ts'
import { readConfig } from '../../src/config/read-config.ts'

/** A type of backend with a recursive option, and with mistakes of its own that quote what they are about. */
const odd = defineBackend({
  options: Type.Object({
    who: Type.Optional(
      Type.Cyclic(
        { Who: Type.Union([Type.String({ minLength: 1 }), Type.Object({ any: Type.Array(Type.Ref('Who')) })]) },
        'Who'
      )
    ),
    list: Type.Array(Type.String(), { default: [] })
  }),
  mistakes: ({ list }) =>
    list.flatMap((item, index) =>
      item === 'fine' ? [] : [{ path: `/list/${index}`, message: `cannot parse ${item}` }]
    ),
  open: () => ({ takes: [], authenticate: async () => ({ outcome: 'unknown' }) })
})
const definitions = { ...backendDefinitions, odd: async () => odd }

const secret = 'a random text that has 32 bytes!'

/** The mistakes of a configuration, as `path: message`; a local backend is there unless the text has backends. */
async function mistakesOf(t: Test, yaml: string, env: Record<string, string> = {}): Promise<readonly string[]> {
  const whole = /^(- |backends:)/m.test(yaml) ? yaml : `${yaml}\nbackends: [{ id: local, type: local }]`
  try {
    await readConfig({ env, definitions, cwd: t.testdir({ 'latchkey.yaml': whole }) })
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.mistakes.map(({ path, message }) => `${path}: ${message}`)
  }
}

const whsec = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const client = (rest: string) => `clients: [{ id: c, secret: ${secret}, ${rest} }]`
const redis = (url: string, rest = 'insecure: false') => `limits: { redis: { url: "${url}", ${rest} } }`
const backend = (rest: string) => `backends: [{ id: a, type: local, ${rest} }]`
const http = (rest: string) => `backends: [{ id: h, type: http, url: "http://127.0.0.1", ${rest} }]`
const ldap = (rest: string) =>
  `backends: [{ id: l, type: ldap, servers: ["ldaps://a"], groups: { base: "o=b" }, users: [{ base: "o=b", filter: "(uid={username})" }], ${rest} }]`
const users = (...list: string[]) => `backends: [{ id: s, type: static, users: [${list.join(', ')}] }]`
const otlp = (endpoint: string, more = 'traces: true') => `telemetry: { otlp: { endpoint: "${endpoint}", ${more} } }`
const resetUrl = 'passwords: { resetUrl: "https://x/#{token}" }\n'
const user = 'username: a, email: a@example.com'
const phc = (parameters: string) =>
  `"$argon2id$v=19$${parameters}$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaA"`

/** Each configuration, and the one mistake in it. */
const types = `${Object.keys(definitions).join(', ')}, a file such as ./company.ts or the name of a package`

const table: ReadonlyArray<[yaml: string, mistake: string]> = [
  ['isuer: https://a.example', 'isuer: unknown key: did you mean issuer?'],
  ['telemetry: true', 'telemetry: expected service and otlp, or false'],
  [
    'telemetry: { otlp: {} }',
    'telemetry.otlp.endpoint: is missing: expected a URL such as https://collector.example.com:4318'
  ],
  [otlp('x'), 'telemetry.otlp.endpoint: expected a URL such as https://collector.example.com:4318'],
  [otlp('grpc://x:4317'), 'telemetry.otlp.endpoint: expected a URL such as https://collector.example.com:4318'],
  [otlp('https://a:b@x'), 'telemetry.otlp.endpoint: expected no user name and no password: see headers'],
  [otlp('https://x/?key=1'), 'telemetry.otlp.endpoint: expected no query and no fragment'],
  [
    otlp('http://x', 'headers: { authorization: y }'),
    'telemetry.otlp.headers: would be sent in clear: use https, or allow it by insecure: true'
  ],
  [otlp('https://x', 'headers: { "a b": y }'), 'telemetry.otlp.headers["a b"]: expected the name of a header as key'],
  [
    otlp('https://x', 'headers: { a: "y\\r\\nb: z" }'),
    'telemetry.otlp.headers.a: expected printable ASCII, without spaces around it'
  ],
  [otlp('http://localhost', 'tls: {}'), 'telemetry.otlp.tls: is for https alone'],
  [otlp('https://x', 'tls: { cert: x }'), 'telemetry.otlp.tls.cert: needs tls.key beside it'],
  [otlp('https://x', 'tls: { key: x }'), 'telemetry.otlp.tls.key: needs tls.cert beside it'],
  [otlp('https://x', 'tls: { ca: nowhere.pem }'), "telemetry.otlp.tls.ca: can't be read: there is no such file"],
  [otlp('https://x', 'tls: { ca: latchkey.yaml }'), 'telemetry.otlp.tls.ca: is no PEM file'],
  [otlp('https://x', 'interval: 500ms'), 'telemetry.otlp.interval: expected 1s at least'],
  [otlp('https://x', 'timeout: 2m'), 'telemetry.otlp.timeout: expected 1m at most'],
  [otlp('https://x', 'sampleRatio: 2'), 'telemetry.otlp.sampleRatio: expected a number from 0 to 1'],
  ['tokens: { accessTTL: 5m }', 'tokens.accessTTL: unknown key: did you mean accessTtl?'],
  ['ops: { to: [] }', 'ops.to: unknown key: known are from'],
  ['ops: { "x y": 1 }', 'ops[…]: unknown key: known are from'],
  ['login: 5s', 'login: expected a mapping of keys to values'],
  ['login:', 'login: has no value: expected a mapping of keys to values'],
  ['login: { timeout: 5 }', 'login.timeout: expected a duration such as 250ms, 5s, 15m, 2h or 30d'],
  ['login: { timeout: 61s }', 'login.timeout: expected 60s at most'],
  ['login: { timeout: 1s, failureFloor: 1s }', 'login.failureFloor: expected less than login.timeout'],
  ['- a', ': expected a mapping of keys to values'],
  ['backends: []', 'backends: expected a list of at least one backend'],
  ['backends: local', 'backends: expected a list of at least one backend'],
  ['backends: [local]', 'backends[0]: expected a mapping with id and type'],
  ['backends: [{ id: a }]', `backends[0].type: is missing: expected ${types}`],
  ['backends: [{ id: a, type: locale }]', 'backends[0].type: unknown type: did you mean local?'],
  ['backends: [{ id: a, type: ldpa }]', 'backends[0].type: unknown type: did you mean ldap?'],
  [
    ldap('require: { group: "cn=a,o=b", attribute: { o: b } }'),
    'backends[0].require.attribute: cannot stand beside group'
  ],
  [
    ldap('require: { any: [{ group: "cn=a,o=b" }], all: [{ group: "cn=c,o=b" }] }'),
    'backends[0].require.any: cannot stand beside all'
  ],
  [ldap('require: { groups: "cn=a,o=b" }'), 'backends[0].require.groups: unknown key: did you mean group?'],
  [
    ldap('deny: { all: [{ or: [] }] }'),
    'backends[0].deny.all[0].or: unknown key: known are all, any, not, group, attribute'
  ],
  [ldap('require: {}'), 'backends[0].require: expected one of all, any, not, group and attribute'],
  ['ops: { form: [] }', 'ops.form: unknown key: did you mean from?'],
  [
    backend('attributes: { firstName: given }'),
    'backends[0].attributes: is for sources that call a field otherwise: these are our own'
  ],
  [
    `users: { attributes: { department: { type: string } } }\n${http('attributes: { department: a, foo: b, frstName: c }')}`,
    'backends[0].attributes.frstName: users have no field of this name: did you mean firstName?'
  ],
  [
    http('attributes: { mail: a }'),
    'backends[0].attributes.mail: users have no field of this name: did you mean email?'
  ],
  [http('attributes: { Department: a }'), 'backends[0].attributes.Department: expected the name of a field as key'],
  [
    users(`{ ${user}, password: x }`).replace('type: static', 'type: static, attributes: { email: [] }'),
    'backends[0].attributes.email: expected a name, or a list of names'
  ],
  ['backends: [{ id: a, type: kerberos }]', `backends[0].type: unknown type: expected ${types}`],
  ['backends: [{ id: a, type: constructor }]', `backends[0].type: unknown type: expected ${types}`],
  [
    'backends: [{ type: local }]',
    'backends[0].id: is missing: expected an id of letters, digits, dots, dashes and underscores, 64 at most'
  ],
  ['backends: [{ id: a, type: local }, { id: A, type: odd }]', 'backends[1].id: another backend has this id'],
  [
    'backends: [{ id: a, type: local }, { id: b, type: local }]',
    'backends[1].type: there can be one backend of type local'
  ],
  [backend('alowInactive: true'), 'backends[0].alowInactive: unknown key: did you mean allowInactive?'],
  [backend('onReject: stop'), 'backends[0].onReject: unknown key: did you mean onRejected?'],
  [backend('onRejected: halt'), 'backends[0].onRejected: expected next or stop'],
  [backend('allowInactive: "true"'), 'backends[0].allowInactive: expected true or false'],
  [backend('timeout: 6s'), 'backends[0].timeout: expected no more than login.timeout'],
  [backend('grants: [blog.*]'), 'backends[0].grants[0]: expected a permission such as blog.change_post'],
  [backend('veto: ["a b"]'), 'backends[0].veto[0]: expected a permission or a pattern such as blog.*'],
  [backend('email: { domains: [] }'), 'backends[0].email.domains: expected a list that is not empty'],
  [backend('email: { domains: ["a b"] }'), 'backends[0].email.domains[0]: expected a domain such as example.com'],
  [backend('email: { domains: [10.0.0.1] }'), 'backends[0].email.domains[0]: expected a domain such as example.com'],
  [backend('email: { prefer: domain }'), 'backends[0].email.prefer: needs domains to choose by'],
  [
    backend('email: { fallback: "{username}" }'),
    'backends[0].email.fallback: expected an address with names in braces, such as {username}@example.com'
  ],
  [
    backend('email: { fallback: "{user@x.org" }'),
    'backends[0].email.fallback: expected an address with names in braces, such as {username}@example.com'
  ],
  [
    backend('email: { fallback: "{username}@a_b" }'),
    'backends[0].email.fallback: expected a domain such as example.com behind the @'
  ],
  [
    backend('email: { domains: [example.com], fallback: "{username}@example.org" }'),
    'backends[0].email.fallback: its domain is not among email.domains, and would be refused'
  ],
  [
    'backends: [{ id: a, type: odd, who: { any: [x, { any: [""] }] } }]',
    'backends[0].who.any[1].any[0]: expected text that is not empty or a mapping of keys to values'
  ],
  ['backends: [{ id: a, type: odd, list: [fine, x] }]', 'backends[0].list[1]: cannot parse x'],
  ['listen: { port: 0 }', 'listen.port: expected a whole number from 1 to 65535'],
  ['listen: { port: "8000" }', 'listen.port: expected a whole number from 1 to 65535'],
  [
    'listen: { trustedProxies: 1 }',
    'listen.trustedProxies: expected a list of addresses and CIDRs such as [10.0.0.0/8]'
  ],
  [
    'listen: { trustedProxies: true }',
    'listen.trustedProxies: expected a list of addresses and CIDRs such as [10.0.0.0/8]'
  ],
  ['listen: { trustedProxies: [1] }', 'listen.trustedProxies[0]: expected an address or CIDR such as 10.0.0.0/8'],
  [
    'listen: { trustedProxies: [loopback] }',
    'listen.trustedProxies[0]: expected an address or CIDR such as 10.0.0.0/8'
  ],
  [
    'listen: { trustedProxies: [10.0.0.0/33] }',
    'listen.trustedProxies[0]: expected an address or CIDR such as 10.0.0.0/8'
  ],
  [
    'listen: { trustedProxies: ["::/0"] }',
    'listen.trustedProxies[0]: is every address: anybody could name any client address'
  ],
  ['listen: { host: "a b" }\nissuer: https://a.example', 'listen.host: expected an address or a host name'],
  ['listen: { host: 0.0.0.0 }', 'issuer: is missing: it is needed where the service is reached from elsewhere'],
  ['ops: { from: [10.0.0.256] }', 'ops.from[0]: expected an address or CIDR such as 10.0.0.0/8'],
  ['issuer: auth.example.com', 'issuer: expected an https URL such as https://auth.example.com'],
  ['issuer: ftp://auth.example.com', 'issuer: expected an https URL'],
  ['issuer: http://auth.example.com', 'issuer: expected https: http is for loopback only'],
  ['issuer: https://auth.example.com/', 'issuer: expected no slash at its end'],
  ['issuer: https://auth.example.com?', 'issuer: expected no query and no fragment'],
  ['issuer: "https://auth.example.com#x"', 'issuer: expected no query and no fragment'],
  ['issuer: https://u:p@auth.example.com', 'issuer: expected no user name and no password'],
  [
    'issuer: https://Auth.example.com:443',
    'issuer: expected its canonical form: lower case, no default port, nothing to be normalised'
  ],
  ['secret: short', 'secret: expected a random text of at least 32 bytes'],
  [`secret: [${secret}, short]`, 'secret[1]: expected a random text of at least 32 bytes'],
  [`secret: [${secret}, ${secret}]`, 'secret[1]: is the same as another one'],
  ['secret: []', 'secret: expected a random text of at least 32 bytes, or a list of them, the new one first'],
  ['database: { url: mysql://u@h/db }', 'secret: is missing: with MySQL it is needed, and the same for every replica'],
  [`secret: ${secret}\ndatabase: { url: mysql://u@h }`, 'database.url: expected mysql://user@host/name'],
  [
    `secret: ${secret}\ndatabase: { url: mysql://u:p@h/db, password: p }`,
    'database.password: stands in the URL already'
  ],
  [
    'database: { url: postgres://h/db }',
    'database.url: expected file:PATH, without a query, or mysql://user@host/name'
  ],
  [
    'database: { url: "file::memory:" }',
    'database.url: expected file:PATH, without a query, or mysql://user@host/name'
  ],
  ['database: { password: p }', 'database.password: is for MySQL only'],
  ['tokens: { accessTtl: 1500ms }', 'tokens.accessTtl: expected whole seconds'],
  ['tokens: { accessTtl: 2d }', 'tokens.accessTtl: expected 24h at most: a client that needs longer refreshes'],
  ['tokens: { refreshTtl: 1d }', 'tokens.refreshIdleTtl: expected no more than tokens.refreshTtl'],
  ['tokens: { algorithm: HS256 }', 'tokens.algorithm: expected ES256, RS256 or EdDSA'],
  [
    'tokens: { rotate: 30m }',
    'tokens.rotate: expected 1h at least: a key is published a quarter of an hour before it signs'
  ],
  ['tokens: { rotate: true }', 'tokens.rotate: expected a duration such as 30d, or false'],
  ['tokens: { keys: [{ file: missing }] }', "tokens.keys[0].file: can't be read (ENOENT)"],
  [
    'tokens: { keys: [{ file: latchkey.yaml }] }',
    'tokens.keys[0].file: holds no private key: expected PEM (PKCS #8) or a JWK'
  ],
  ['tokens: { maxBytes: 100 }', 'tokens.maxBytes: expected a whole number from 1024 to 65536'],
  ['passwords: { memory: 262144 }', 'passwords.memory: expected a whole number from 7168 to 131072'],
  [
    'passwords: { memory: 12288 }',
    'passwords.memory: too weak: expected at least 47104 with iterations 1, or 19456 with iterations 2, or 12288 with iterations 3, or 9216 with iterations 4, or 7168 with iterations 5'
  ],
  ['passwords: { resetTtl: 8d }', 'passwords.resetTtl: expected 1m to 7d'],
  ['passwords: { resetTtl: 59s }', 'passwords.resetTtl: expected 1m to 7d'],
  ['passwords: { queueTimeout: 2m }', 'passwords.queueTimeout: expected 60s at most'],
  ['limits: { ip: true }', 'limits.ip: expected max and window, or false'],
  ['limits: { ip: { max: 0 } }', 'limits.ip.max: expected a whole number, at least 1'],
  ['limits: { account: { faliures: 1 } }', 'limits.account.faliures: unknown key: did you mean failures?'],
  ['log: { level: loud }', 'log.level: expected trace, debug, info, warn, error or fatal'],
  ['audiences: [{ id: a }]', 'audiences[0].permissions: is missing: expected a list'],
  [
    'audiences: [{ id: a b, permissions: [] }]',
    'audiences[0].id: expected the id of a resource server, such as https://blog.example.com'
  ],
  [
    'audiences: [{ id: a, permissions: [] }, { id: a, permissions: [] }]',
    'audiences[1].id: another audience has this id'
  ],
  [
    'audiences: [{ id: a, permissions: [], accessTtl: 25h }]',
    'audiences[0].accessTtl: expected 24h at most: a client that needs longer refreshes'
  ],
  ['audiences: [{ id: a, permissions: [], accessTtl: 1500ms }]', 'audiences[0].accessTtl: expected whole seconds'],
  [
    'audiences: [{ id: a, permissions: [], claims: { gty: firstName } }]',
    'audiences[0].claims.gty: this claim has a meaning of its own in tokens'
  ],
  [
    'audiences: [{ id: a, permissions: [], claims: { dept: department } }]',
    'audiences[0].claims.dept: users have no field of this name'
  ],
  [
    'issuer: https://a.example\naudiences: [{ id: https://a.example, permissions: [a.*] }]',
    'audiences[0].permissions: expected ["*"]: the issuer is the audience that carries every permission'
  ],
  ['clients: [{ id: c, secret: short }]', 'clients[0].secret: expected a random text of at least 32 bytes'],
  ['clients: [{ id: c }]', 'clients[0].secret: is missing: expected a random text of at least 32 bytes'],
  [
    `clients: [{ id: c, secret: ${secret} }, { id: c, secret: ${secret}2 }]`,
    'clients[1].id: another client has this id'
  ],
  [
    `clients: [{ id: c, secret: ${secret} }, { id: d, secret: ${secret} }]`,
    'clients[1].secret: another client has this secret'
  ],
  [`secret: ${secret}\n${client('')}`, "clients[0].secret: is the service's own secret"],
  [
    `clients: [{ id: public, secret: ${secret} }]`,
    'clients[0].id: is what callers without client authentication are called'
  ],
  [
    `clients: [{ id: 01a200db-909b-772b-b13e-2e46fe714131, secret: ${secret} }]`,
    'clients[0].id: is a UUIDv7, as the ids of users are'
  ],
  [
    `clients: [{ id: ${'c'.repeat(129)}, secret: ${secret} }]`,
    'clients[0].id: expected an id of printable ASCII without spaces, 128 characters at most'
  ],
  [client('audiences: [x]'), 'clients[0].audiences[0]: no audience has this id'],
  [client('backends: [x]'), 'clients[0].backends[0]: no backend has this id'],
  [client('grants: [refresh_token]'), 'clients[0].grants: refresh_token needs a grant that logs in'],
  [
    client('grants: []'),
    'clients[0].grants: expected a list of password, refresh_token, client_credentials, urn:ietf:params:oauth:grant-type:token-exchange, urn:latchkey:params:oauth:grant-type:proxy'
  ],
  [
    client('permissions: [a.b]'),
    'clients[0].permissions: are for the grant client_credentials, which is not among grants'
  ],
  [`clients: [{ id: c, secret: [${secret}, ${secret}] }]`, 'clients[0].secret[1]: another client has this secret'],
  [
    `clients: [{ id: c, secret: [${secret}, short] }]`,
    'clients[0].secret[1]: expected a random text of at least 32 bytes'
  ],
  [
    `clients: [{ id: c, secret: [${secret}, ${secret}2] }, { id: d, secret: ${secret}2 }]`,
    'clients[1].secret: another client has this secret'
  ],
  [
    `clients: [{ id: c, secret: [${secret}, ${secret}2, ${secret}3] }]`,
    'clients[0].secret: expected a random text of at least 32 bytes, or a list of two, the new one first'
  ],
  [client('jwksUri: https://c.example/keys'), 'clients[0].jwks: a client has either a secret or keys'],
  [client('authentication: private_key_jwt'), 'clients[0].authentication: private_key_jwt has no secret'],
  [
    client('authentication: none, grants: [refresh_token, "urn:ietf:params:oauth:grant-type:token-exchange"]'),
    'clients[0].authentication: none has neither secret nor keys'
  ],
  [
    'clients: [{ id: c, authentication: client_secret_post }]',
    'clients[0].secret: is missing: expected a random text of at least 32 bytes'
  ],
  [
    'clients: [{ id: c, authentication: none }]',
    'clients[0].grants: password, client_credentials and the one of proxies are for clients that prove who they are'
  ],
  [
    'clients: [{ id: c, authentication: client_secret_basic, jwksUri: "https://c.example/keys" }]',
    'clients[0].authentication: has keys, which are for private_key_jwt'
  ],
  [
    'clients: [{ id: c, jwksUri: "http://c.example/keys" }]',
    'clients[0].jwksUri: expected an https URL (http on loopback only)'
  ],
  [
    'clients: [{ id: c, jwksUri: "https://u:p@c.example/keys" }]',
    'clients[0].jwksUri: expected no user name and no password'
  ],
  [
    `clients: [{ id: c, jwks: { keys: [{ kty: oct, k: AAAA }] } }]`,
    'clients[0].jwks.keys[0]: is secret: only the public half of a key belongs here'
  ],
  [
    `clients: [{ id: c, jwks: { keys: [{ kty: EC, crv: P-256, x: AA, y: AA }] } }]`,
    'clients[0].jwks.keys[0]: expected a public key for ES256, RS256, PS256 or EdDSA'
  ],
  ...(
    [
      ['{}', 'is empty: expected a public key'],
      ['{ kty: EC, kid: 7 }', 'has a kid that is no text of 1 to 255 characters'],
      ['{ kty: EC, kid: "" }', 'has a kid that is no text of 1 to 255 characters'],
      [`{ kty: EC, kid: ${'k'.repeat(256)} }`, 'has a kid that is no text of 1 to 255 characters'],
      ['{ kid: a }', 'has no kty: expected EC, RSA or OKP'],
      ['{ kty: AKP, kid: a }', 'has a kty that is none of EC, RSA and OKP'],
      ['{ kty: RSA, n: AQAB, e: AQAB, p: AQAB }', 'is secret: only the public half of a key belongs here'],
      ['{ kty: RSA, use: enc, n: AQAB, e: AQAB }', 'has another use than sig'],
      [`{ kty: RSA, n: ${'A'.repeat(17_000)}, e: AQAB }`, 'is too large: expected a public key of 16 KiB at most']
    ] as const
  ).map(
    ([key, message]) =>
      [`clients: [{ id: c, jwks: { keys: [${key}] } }]`, `clients[0].jwks.keys[0]: ${message}`] as [string, string]
  ),
  [
    'clients: [{ id: c, jwksUri: "https://10.1.2.3/keys" }]',
    'clients[0].jwksUri: is a private address: list it in allowPrivate'
  ],
  [
    'clients: [{ id: c, jwksUri: "http://127.0.0.1:8/keys", allowPrivate: [10.0.0.0/8] }]',
    'clients[0].jwksUri: is a private address: list it in allowPrivate'
  ],
  [client('allowPrivate: [10.0.0.0/8]'), 'clients[0].allowPrivate: is for jwksUri, which is not there'],
  [
    'clients: [{ id: c, jwksUri: "https://c.example/keys", allowPrivate: [10.0.0.0/33] }]',
    'clients[0].allowPrivate[0]: expected an address or CIDR such as 10.0.0.0/8'
  ],
  ...(
    [
      ['url: nonsense', 'url: expected an https URL such as https://hooks.example.com/latchkey'],
      ['url: "ftp://hooks.example.com"', 'url: expected an https URL'],
      ['url: "http://hooks.example.com"', 'url: expected https: http is for loopback only'],
      ['url: "http://203.0.114.9/x"', 'url: expected https: http is for loopback only'],
      ['url: "https://u:p@hooks.example.com"', 'url: expected no user name and no password'],
      ['url: "https://hooks.example.com/#x"', 'url: expected no fragment'],
      ['url: "https://[::1]/x"', 'url: is a private address: list it in allowPrivate'],
      ['url: "https://169.254.169.254/x"', 'url: is a private address: list it in allowPrivate'],
      ['url: "https://h.example", secret: whsec_AAAA', 'secret: expected whsec_ and 24 to 64 random bytes in base64'],
      [`url: "https://h.example", secret: ${secret}`, 'secret: expected whsec_ and 24 to 64 random bytes in base64'],
      [`url: "https://h.example", secret: [${whsec}, ${whsec}]`, 'secret[1]: is the same as another one'],
      ['url: "https://h.example", events: []', 'events: expected a list that is not empty'],
      [
        'url: "https://h.example", timeout: 31s',
        'timeout: expected 30s at most: a receiver takes an event first, and works on it afterwards'
      ],
      [
        'url: "https://h.example", retry: 5',
        'retry: unknown key: known are id, url, secret, events, allowPrivate, timeout, retention, deadRetention'
      ]
    ] as const
  ).map(
    ([rest, message]) =>
      [
        `webhooks: [{ id: h, ${rest.includes('secret:') ? '' : `secret: ${whsec}, `}${rest} }]`,
        `webhooks[0].${message}`
      ] as [string, string]
  ),
  [
    'webhooks: [{ id: h, url: "https://h.example" }]',
    'webhooks[0].secret: is missing: expected whsec_ and 24 to 64 random bytes in base64, or two of these, the new one first'
  ],
  ['webhooks: [h]', 'webhooks[0]: expected a mapping of keys to values'],
  [
    `webhooks: [{ id: h, url: "https://h.example", secret: ${whsec}, events: [user.created, user.renamed] }]`,
    `webhooks[0].events[1]: matches no event: expected one of ${eventTypes.join(', ')}`
  ],
  [
    `webhooks: [{ id: h, url: "https://h.example", secret: ${whsec} }, { id: h, url: "https://i.example", secret: ${whsec} }]`,
    'webhooks[1].id: another webhook has this id already'
  ],
  ['clients: [{ id: c, jwks: { keys: [] } }]', 'clients[0].jwks.keys: expected a list that is not empty'],
  [
    'clients: [{ id: c, authentication: private_key_jwt }]',
    'clients[0].jwks: is missing: private_key_jwt needs jwks or jwksUri'
  ],
  [client('accessTtl: 1500ms'), 'clients[0].accessTtl: expected whole seconds'],
  [client('accessTtl: 25h'), 'clients[0].accessTtl: expected 24h at most: a client that needs longer refreshes'],
  [client('limits: { max: 0 }'), 'clients[0].limits.max: expected a whole number, at least 1'],
  [client('forwardedFor: [10.0.0.0/33]'), 'clients[0].forwardedFor[0]: expected an address or CIDR such as 10.0.0.0/8'],
  [client('forwardedFor: [0.0.0.0/0]'), 'clients[0].forwardedFor[0]: is every address: name those that the client has'],
  [
    'users: { attributes: { email: { type: string } } }',
    'users.attributes.email: a user has a field of this name already'
  ],
  ...['loginNames', 'objectGrants', 'objectGrantsPart'].map((name): [string, string] => [
    `users: { attributes: { ${name}: { type: string } } }`,
    `users.attributes.${name}: a user has a field of this name already`
  ]),
  [
    'users: { attributes: { constructor: { type: string } } }',
    'users.attributes.constructor: a user has a field of this name already'
  ],
  [
    'users: { attributes: { __proto__: { type: string } } }',
    'users.attributes.__proto__: expected a name of letters, digits and underscores that begins with a small letter as key'
  ],
  ['users: { attributes: { a: { type: text } } }', 'users.attributes.a.type: expected string, number, boolean or date'],
  [
    'users: { attributes: { a: { type: number, maxLength: 3 } } }',
    'users.attributes.a.maxLength: is for type string only'
  ],
  [
    'users: { attributes: { a: { type: string, claim: sub } } }',
    'users.attributes.a.claim: this claim has a meaning of its own in tokens'
  ],
  [
    'users: { attributes: { scope: { type: string, claim: true } } }',
    'users.attributes.scope.claim: this claim has a meaning of its own in tokens'
  ],
  [
    'users: { attributes: { a: { type: string, claim: b }, b: { type: string, claim: true } } }',
    'users.attributes.b.claim: another field has this claim'
  ],
  ['mail: { url: "smtp://x", from: a@example.com }', 'passwords.resetUrl: is missing: mails need it for their link'],
  ['mail: {}', 'mail.url: expected either url or webhook'],
  [
    `${resetUrl}mail: { url: "smtps://x", from: a@example.com, tls: { ca: none.pem } }`,
    "mail.tls.ca: can't be read: there is no such file"
  ],
  [
    `${resetUrl}mail: { url: "smtps://x", from: a@example.com, tls: { ca: latchkey.yaml } }`,
    'mail.tls.ca: is no PEM file'
  ],
  [
    `${resetUrl}mail: { url: "http://x", from: a@example.com }`,
    'mail.url: expected smtp://[USER@]HOST[:PORT] or smtps://…'
  ],
  [
    `${resetUrl}mail: { url: "smtp://x", from: nobody }`,
    'mail.from: expected an address such as Example <no-reply@example.com>'
  ],
  [
    `${resetUrl}mail: { url: "smtp://x", from: a@example.com, password: y }`,
    'mail.password: is for a user in mail.url'
  ],
  [
    'mail: { webhook: { url: "http://mails.example.com", secret: "twenty-four bytes of text" } }',
    'mail.webhook.url: expected an https URL: http is for loopback only, or insecure: true'
  ],
  ...['twenty-three bytes here', 'whsec_c2hvcnQ=', 'whsec_not base64 but long enough if it were text'].map(
    (secret): [string, string] => [
      `mail: { webhook: { url: "https://mails.example.com", secret: ${secret} } }`,
      'mail.webhook.secret: expected whsec_ and 24 to 64 random bytes in base64, or 24 bytes and more as they are'
    ]
  ),
  [
    'permissions: { declare: { blog: x } }',
    'permissions.declare.blog: expected a permission such as blog.change_post as key'
  ],
  [
    'permissions: { declare: { blog.x: 1 } }',
    'permissions.declare["blog.x"]: expected text that is not empty, at most 255 characters, in the form that the documentation tells: put it in quotes'
  ],
  ['permissions: { declare: { a.b: one, two } }', 'permissions.declare[…]: has no value'],
  [
    'permissions: { declare: { latchkey.x: x } }',
    'permissions.declare["latchkey.x"]: latchkey.… are the service\'s own permissions'
  ],
  ['permissions: { anonymous: [latchkey.users] }', 'permissions.anonymous[0]: everybody could administer the service'],
  [users('{ username: a, email: nobody, password: x }'), 'backends[0].users[0].email: expected an e-mail address'],
  [users(`{ ${user} }`), 'backends[0].users[0].passwordHash: is missing, and so is password'],
  [
    users(`{ ${user}, password: "" }`),
    'backends[0].users[0].password: expected text that is not empty, at most 1024 characters'
  ],
  [
    users(`{ ${user}, password: x, passwordHash: ${phc('m=19456,t=2,p=1')} }`),
    'backends[0].users[0].password: stands beside passwordHash: one of them'
  ],
  [
    users(`{ ${user}, passwordHash: "$2b$12$abc" }`),
    'backends[0].users[0].passwordHash: expected a password hash of a known kind'
  ],
  [
    users(`{ ${user}, passwordHash: ${phc('m=19456,p=1,t=2')} }`),
    'backends[0].users[0].passwordHash: expected an argon2 hash as a PHC string'
  ],
  ...['m=131073,t=2,p=1', 'm=19456,t=11,p=1', 'm=19456,t=2,p=5'].map((parameters): [string, string] => [
    users(`{ ${user}, passwordHash: ${phc(parameters)} }`),
    'backends[0].users[0].passwordHash: expected at most m=131072 (128 MiB), t=10, p=4'
  ]),
  [
    users(`{ ${user}, password: x }`, '{ username: ａ, email: b@example.com, password: x }'),
    'backends[0].users[1].username: another user has this name'
  ],
  [
    users(`{ username: ${'é'.repeat(128)}, email: a@example.com, password: x }`),
    'backends[0].users[0].username: expected 255 bytes at most'
  ],
  [
    users(`{ ${user}, password: x, attributes: { firstName: A } }`),
    'backends[0].users[0].attributes.firstName: is a field beside attributes'
  ],
  [
    users(`{ ${user}, password: x, permissions: [blog] }`),
    'backends[0].users[0].permissions[0]: expected a permission such as blog.change_post'
  ],
  ['secret: ${NOPE}', 'secret: the environment variable NOPE is not set'],
  ['issuer: ${file:nope}', "issuer: the file nope can't be read: there is no such file"],
  ['publicClient: true\npublicClient: false', 'publicClient: this key stands here twice'],
  ['permissions: { declare: { shop.a: x, shop.a: y } }', 'permissions.declare[…]: this key stands here twice'],
  [
    users('{ username: a, email: a@example.com, password: 123456 }'),
    'backends[0].users[0].password: expected text that is not empty, at most 1024 characters: put it in quotes'
  ],
  [
    `secret: ${'1'.repeat(40)}`,
    'secret: expected a random text of at least 32 bytes, or a list of them, the new one first: put it in quotes'
  ],
  ['listen: { port: ${PORT} }', ': unexpected here; within { } and [ ] a text that holds ${…} must stand in quotes'],
  ['listen: *there', ': no anchor of this name stands above'],
  ['listen: &a { port: 80, more: *a }', ': stands within what it repeats'],
  ['listen: &a [[*a]]', ': stands within what it repeats'],
  ['login: &a { <<: *a }', ': stands within what it repeats'],
  [
    'limits: { account: { failures: 10, totalFailures: 9 } }',
    'limits.account.totalFailures: expected no less than limits.account.failures: one address alone could lock everybody else out'
  ],
  [
    redis('redis://redis.example.com'),
    'limits.redis.url: expected rediss://: in clear is for loopback only, or insecure: true'
  ],
  [redis('http://localhost'), 'limits.redis.url: expected redis://[USER@]HOST[:PORT][/NUMBER] or rediss://…'],
  [redis('redis://localhost/users'), 'limits.redis.url: expected redis://[USER@]HOST[:PORT][/NUMBER] or rediss://…'],
  [redis('redis://localhost/1?db=2'), 'limits.redis.url: expected redis://[USER@]HOST[:PORT][/NUMBER] or rediss://…'],
  [
    redis('redis://:50%zz@localhost'),
    'limits.redis.url: holds a % that begins no escape: write %25 for the sign itself'
  ],
  [
    `secret: ${secret}\ndatabase: { url: "mysql://u:50%zz@h/db" }`,
    'database.url: holds a % that begins no escape: write %25 for the sign itself'
  ],
  [
    `${resetUrl}mail: { url: "smtps://u:50%zz@x", from: a@example.com }`,
    'mail.url: holds a % that begins no escape: write %25 for the sign itself'
  ],
  [redis('rediss://x.example.com', 'insecure: true'), 'limits.redis.insecure: contradicts rediss://'],
  [redis('redis://localhost', 'tls: {}'), 'limits.redis.tls: is for rediss:// only'],
  [redis('redis://u:secret@localhost', 'password: other'), 'limits.redis.password: stands in the URL already'],
  [
    redis('rediss://x.example.com', 'tls: { ca: nowhere.pem }'),
    "limits.redis.tls.ca: can't be read: there is no such file"
  ],
  ['limits: { redis: {} }', 'limits.redis.url: is missing: expected redis://[USER@]HOST[:PORT][/NUMBER] or rediss://…'],
  [
    client('grants: [password], backends: [loacl]'),
    'clients[0].backends[0]: no backend has this id: did you mean local?'
  ],
  [
    `audiences: [{ id: blog, permissions: [] }]\n${client('grants: [password], audiences: [blgo]')}`,
    'clients[0].audiences[0]: no audience has this id: did you mean blog?'
  ],
  ['secret: ${file:/}', "secret: the file / can't be read: it is a folder (EISDIR)"],
  [
    users(`{ ${user}, password: "two lines\\n" }`),
    'backends[0].users[0].password: holds a control character, such as a line break, and nobody could log in with it'
  ],
  ['listen: !env PORT', ': custom tags are not taken'],
  ['"a\\qb": 1', ': unknown escape in a double-quoted text: double the backslash, or use single quotes'],
  ['? [a]\n: 1', ': a key must be text: put it in quotes'],
  ['\tlisten: 1', ': indent by spaces, not tabs']
]

t.test('every mistake is told with its place and what was expected, and nothing else is', async (t) => {
  for (const [yaml, mistake] of table) t.same(await mistakesOf(t, yaml), [mistake], yaml)
})

t.test('what is safe or sensible passes', async (t) => {
  const fine = [
    'issuer: http://localhost:1',
    'issuer: http://127.0.0.1:1',
    'issuer: "http://[::1]:1/a/b"',
    'issuer: http://localhost:8000\nlisten: { host: 0.0.0.0 }',
    'issuer: https://auth.example.com:8443/path',
    'issuer: https://a.example\naudiences: [{ id: https://a.example, permissions: ["*"], typ: JWT }]',
    'database: { url: "file:///var/lib/x.db" }',
    `secret: [${secret}, ${secret}2]`,
    client('grants: [client_credentials], permissions: [a.b], backends: [local], audiences: [http://localhost:8000]'),
    backend('email: { domains: [example.com], fallback: "{username}@EXAMPLE.com" }'),
    backend('email: { domains: [example.com], fallback: "{uid}@{dept}.example.com" }'),
    users(
      `{ ${user}, passwordHash: ${phc('m=131072,t=10,p=4')} }`,
      '{ username: A, email: b@example.com, password: x }'
    )
  ]
  for (const yaml of fine) t.same(await mistakesOf(t, yaml), [], yaml)
})

t.test('without a file, every caller is answered: loopback only', async (t) => {
  const mistakes = async (env: Record<string, string>) => {
    const error = await readConfig({ env, definitions, cwd: t.testdir({}) }).then(
      () => undefined,
      (error) => error
    )
    return error?.mistakes.map(({ path, message }: { path: string; message: string }) => `${path}: ${message}`)
  }
  t.match(await mistakes({ LATCHKEY_HOST: '0.0.0.0', LATCHKEY_ISSUER: 'https://a.example' }), [
    /^listen\.host: without a configuration file.*\(from LATCHKEY_HOST\)$/
  ])
  t.match(await mistakes({ LATCHKEY_PORT: 'http', LATCHKEY_SECRET: 'x', LATCHKEY_DATABASE_URL: 'x' }), [
    /^listen\.port: .*\(from LATCHKEY_PORT\)$/,
    /^database\.url: .*\(from LATCHKEY_DATABASE_URL\)$/,
    /^secret: .*\(from LATCHKEY_SECRET\)$/
  ])
  t.equal(await mistakes({ LATCHKEY_HOST: 'localhost' }), undefined)
})

t.test('all mistakes come at once, in the order of the file, one a line with its line and column', async (t) => {
  const yaml = `issuer: https://a.example/
listen:
  port: many
backends:
  - { id: a b, type: static, timeout: 9s, users: [{ username: a, email: x }] }
  - { id: c, type: nothing, onRejected: perhaps }
login: { timeout: never, failureFloor: 9s }
clients:
  - id: c
    grants: [refresh_token]
    backends: [zzz]
    colour: blue
`
  const cwd = t.testdir({ 'latchkey.yaml': yaml })
  const error = await readConfig({ env: {}, definitions, cwd }).then(
    () => undefined,
    (error) => error
  )
  t.same(
    error.message
      .split('\n')
      .map((line: string) => line.replace(cwd, '').replace(/: (expected|unknown|is missing).*/, '')),
    [
      '/latchkey.yaml: 11 mistakes',
      '  line 1, column 1: issuer',
      '  line 3, column 3: listen.port',
      '  line 5, column 7: backends[0].id',
      '  line 5, column 51: backends[0].users[0].passwordHash',
      '  line 5, column 66: backends[0].users[0].email',
      '  line 6, column 14: backends[1].type',
      '  line 6, column 29: backends[1].onRejected',
      '  line 7, column 10: login.timeout',
      '  line 9, column 5: clients[0].secret',
      '  line 10, column 5: clients[0].grants: refresh_token needs a grant that logs in',
      '  line 12, column 5: clients[0].colour'
    ]
  )
})

t.test('a key that was to be the type or the id is told beside what is missing', async (t) => {
  t.same(await mistakesOf(t, 'backends: [{ tpye: local, ID: a, bind: x }]'), [
    `backends[0].type: is missing: expected ${types}`,
    'backends[0].id: is missing: expected an id of letters, digits, dots, dashes and underscores, 64 at most',
    'backends[0].tpye: unknown key: did you mean type?',
    'backends[0].ID: unknown key: did you mean id?'
  ])
})

t.test('a doubled key hides no other mistake', async (t) => {
  const yaml = 'backends:\n  - { id: a, type: local, id: b }\npublicClient: true\npublicClient: false\nisuer: x'
  t.same(await mistakesOf(t, yaml), [
    'backends[0].id: this key stands here twice',
    'publicClient: this key stands here twice',
    'isuer: unknown key: did you mean issuer?'
  ])
})

t.test('no error ever holds a secret', async (t) => {
  const canary = 'c4n4ry-s3cr3t'
  const places = [
    ...[' ', ': ', ', ', '\n', '\n  x: ', ' "', "'", '@', '{', '[', '&a ', '*', '!', '|', '\\q', '\t', '#'].map(
      (around) => `secret: ${around}${canary}${around}`
    ),
    `secret: "\\q${canary}"`,
    `- ${canary}\nb: ${canary} x: y`,
    `a: |${canary}\n x`,
    `ops: { from: [], secret: a,${canary} }`,
    ...table.map(([yaml]) => yaml)
  ]
  const filled = [
    ...['issuer', 'secret', 'database', 'listen', 'ops', 'backends', 'clients', 'limits', 'tokens'].map(
      (key) => `${key}: \${X}`
    ),
    'database: { url: "mysql://u:${X}@", password: "${X}" }',
    'issuer: http://u:${X}@a.example',
    'listen: { host: "${X} ", port: "${X}", trustedProxies: ["${X}"] }',
    client('backends: ["${X}"], audiences: ["${X}"], grants: ["${X}"]'),
    'backends: [{ id: "${X} ", type: "${X}" }]',
    'backends: [{ id: a, type: odd, list: ["${X}", "(${X}"] }]',
    'backends: [{ id: a, type: ldap, servers: ["${X}"], bind: { dn: "${X}", password: "" }, users: [{ base: "${X}", filter: "(${X}" }] }]',
    users('{ username: "${X}", email: "${X}", passwordHash: "${X}" }'),
    'permissions: { anonymous: ["${X}"], declare: { a.b: "${X}\\n" } }'
  ]
  const check = async (yaml: string, env: Record<string, string>) => {
    const cwd = t.testdir({ 'latchkey.yaml': yaml })
    const error = await readConfig({ env, definitions, cwd }).then(
      () => undefined,
      (error) => error
    )
    if (error === undefined) return false
    const text = `${error.stack} ${JSON.stringify(error)} ${JSON.stringify(error.mistakes)} ${error.cause}`
    if (text.includes(canary)) t.fail(`${yaml}\n${text}`)
    return error instanceof ConfigError
  }
  let refused = 0
  for (const yaml of places) if (await check(yaml, {})) refused++
  for (const yaml of filled) t.ok(await check(`${yaml}\nb: 1`, { X: canary }), yaml)
  t.ok(refused > 100, 'and most of these are refused')
  const overrides = ['ISSUER', 'HOST', 'PORT', 'DATABASE_URL', 'SECRET'].map((name) => [
    `LATCHKEY_${name}`,
    `${canary} {`
  ])
  t.ok(await check('b: 1', Object.fromEntries(overrides)))
})

t.test('whatever the file holds, it is read or refused with mistakes, never with another error', async (t) => {
  const cwd = t.testdir({})
  const keys = [
    'backends',
    'listen',
    'limits',
    'ip',
    'clients',
    'id',
    'type',
    'users',
    'attributes',
    'secret',
    'email',
    '__proto__',
    'login',
    'timeout'
  ]
  const leaf = fc.oneof(
    fc.constantFrom(null, 'local', 'static', 'odd', '5s', '', '${', '${A}', '\u0000', 'ldap'),
    fc.integer(),
    fc.boolean(),
    fc.double()
  )
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 5 },
      leaf,
      fc.array(tie('tree'), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom(...keys), tie('tree'), { maxKeys: 4 })
    )
  }))
  const { writeFileSync } = await import('node:fs')
  await fc.assert(
    fc.asyncProperty(fc.dictionary(fc.constantFrom(...keys), tree), async (value) => {
      writeFileSync(`${cwd}/latchkey.yaml`, JSON.stringify(value))
      const error = await readConfig({ env: {}, definitions, cwd }).then(
        () => undefined,
        (error) => error
      )
      return error === undefined || (error instanceof ConfigError && error.mistakes.length > 0)
    }),
    { numRuns: 300 }
  )
})

t.test('variables of OpenTelemetry that can’t be used are mistakes where they would be', async (t) => {
  const wrong = {
    OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4317',
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'x',
    OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
    OTEL_TRACES_SAMPLER: 'jaeger_remote',
    OTEL_TRACES_SAMPLER_ARG: '1.5',
    OTEL_METRIC_EXPORT_INTERVAL: 'soon',
    OTEL_BSP_SCHEDULE_DELAY: '0'
  }
  const url = 'expected a URL such as http://collector:4318'
  t.same(await mistakesOf(t, '', wrong), [
    `OTEL_EXPORTER_OTLP_ENDPOINT: ${url}`,
    'OTEL_EXPORTER_OTLP_PROTOCOL: expected http/protobuf: nothing else is spoken',
    `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: ${url}`,
    'OTEL_TRACES_SAMPLER: expected always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off, parentbased_traceidratio',
    'OTEL_TRACES_SAMPLER_ARG: expected a number from 0 to 1',
    'OTEL_METRIC_EXPORT_INTERVAL: expected milliseconds',
    'OTEL_BSP_SCHEDULE_DELAY: expected milliseconds'
  ])
  const off = { ...wrong, OTEL_EXPORTER_OTLP_ENDPOINT: '', OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: '' }
  for (const [yaml, env] of [
    ['', off],
    ['', { ...wrong, OTEL_SDK_DISABLED: 'true' }],
    ['', { ...wrong, OTEL_TRACES_EXPORTER: 'none', OTEL_METRICS_EXPORTER: 'none' }],
    ['telemetry: false', wrong],
    [otlp('https://x'), wrong]
  ] as const) {
    t.same(await mistakesOf(t, yaml, env), [], yaml)
  }
})
