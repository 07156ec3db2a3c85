import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import bcrypt from 'bcrypt'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { openPasswords } from '../../src/passwords/argon2.ts'
import { signExtended } from '../../src/passwords/formats/bcrypt.ts'
import { readHash } from '../../src/passwords/formats/index.ts'
import { openTestLatchkey } from '../latchkey.ts'
import { needs, needsPython, pathOf, python } from '../servers/needs.ts'
import { setPasswordHash } from '../store/acts.ts'

const passwords = await openPasswords({ concurrency: 2, queueTimeoutMs: 60_000 })
const spoken = 'päß wörd'

const why = (hash: string, weak = false): string | undefined => {
  const reading = readHash(hash, { weak })
  return 'unusable' in reading ? reading.unusable : undefined
}

async function opens(t: Test, hash: string, password: string): Promise<void> {
  t.equal(await passwords.verify(hash, password), true, hash)
  t.equal(await passwords.verify(hash, `${password}x`), false, `not by another: ${hash}`)
  t.equal(passwords.needsRehash(hash), true)
}

/** From their makers' own tests and tools, each with its source. */
const vectors: Readonly<Record<string, ReadonlyArray<readonly [hash: string, password: string]>>> = {
  'SHA-crypt: php-src crypt_sha512.phpt, after akkadia.org/drepper/SHA-crypt.txt': [
    ['$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5', 'Hello world!'],
    [
      '$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1',
      'Hello world!'
    ],
    [
      '$6$rounds=5000$toolongsaltstrin$lQ8jolhgVRVhY4b5pZKaysCLi0QBxGoNeKQzQ3glMhwllF7oGDZxUhx1yxdYcz/e1JSbq3y6JMxxl8audkUEm0',
      'This is just a test'
    ],
    [
      '$6$rounds=1400$anotherlongsalts$POfYwTEok97VWcjxIiSOjiykti.o/pQs.wPvMxQ6Fm7I6IoYN3CmLs66x9t0oSwbtEW7o7UmJEiDwGqd8p4ur1',
      'a very much longer text to encrypt.  This one even stretches over morethan one line.'
    ],
    [
      '$6$rounds=77777$short$WuQyW2YR.hBNpjjRhpYD/ifIw05xdfeEyQoMxIXbkvr0gge1a1x3yRULJ5CCaUeOxFmtlcGZelFl5CxtgfiAc0',
      'we have a short salt string but not a short password'
    ],
    ['$6$$QMXjqd7rHQZPQ1yHsXkQqC1FBzDiVfTHXL.LaeDAeVV.IzMaV9VU4MQ8kPuZa2SOP1A0RPm772EaFYjpEJtdu.', 'foo']
  ],
  'MD5-crypt: python3 crypt (glibc)': [['$1$saltsalt$4px9i58NU2Z2/vZOUlGjq.', 'x']],
  'bcrypt: crypt_blowfish wrapper.c (Openwall)': [
    ['$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW', 'U*U'],
    ['$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a', 'U*U*U'],
    ['$2y$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK', 'U*U*'],
    ['$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW', 'U*U'],
    ['$2x$05$6bNw2HLQYeqHYyBfLMsv/OiwqTymGIGzFsA4hOTWebfehXHNprcAS', 'ё']
  ],
  'phpass: hashcat 400, passlib': [
    ['$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0', 'test12345'],
    ['$H$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0', 'test12345'],
    ['$P$615IIkvsw9W.5iMrbDWvtutYjp3jHH/', spoken]
  ],
  'Drupal 7: its own, as others test with them': [
    ['$S$DNbBTrkalsPChLsqajHUQS18pBBxzSTQW0310SzivTy7HDQ.zgyG', 'adrian'],
    ['$S$5FIcboyzv1ZD/OZDb4w/4HSlnsPlwbr/PWLWrHPWrJp8eXOQQaWJ', 'DifficultPassword123']
  ],
  'WordPress 6.8: wp_hash_password by its definition, with Python’s bcrypt': [
    ['$wp$2y$04$pD0ddlfbp1RaUFqQg8HpF.1/j3HYPnVT3gwUA1ezosqV4vwWreUvW', spoken]
  ],
  'PBKDF2, scrypt and LDAP schemes: passlib 1.7.4': [
    ['$pbkdf2-sha256$1000$pjTmfG9NiXFuTam1tvaekw$4A8hcK0zrqI62HbnQujFxvmjQwykbGVWWXdzuLGeVkQ', spoken],
    ['$pbkdf2-sha256$i=1000,l=32$pjTmfG9NiXFuTam1tvaekw$4A8hcK0zrqI62HbnQujFxvmjQwykbGVWWXdzuLGeVkQ', spoken],
    ['$pbkdf2$1000$UIpxbs3ZW.v9/793DkHIuQ$IxsJjSmM.2o0QUrQ/IZvBVS2Y5I', spoken],
    [
      '$pbkdf2-sha512$1000$m5OyNsaYU8oZI2QMQWgtxQ$.1uOPnYFGWPyk5rIHnOBhSevP67yDj8RuboFNFYBPn7uqbdglH9Rb6L4rjx5qSLw8Pfn.djVLUYXXeNlj1ojsQ',
      spoken
    ],
    ['$scrypt$ln=10,r=8,p=1$PQcgRCgFwBgDIKS0tvbeWw$NqVinNTYro4qDagB8m6QKKmT7yimsvyjWD8z1nfXyac', spoken],
    ['{SSHA}cXfCqNtARP3alP8oo1fgc7GeCpdX6t27', spoken],
    ['{SSHA256}GV6ROed26MVCRfmgqc3yboNGEuYAdNZWpRIlEJb6qR+Z05rzXqvVOg==', spoken],
    [
      '{ssha512}j+/gI07hDw4Q15fbbf8NMKSq681jvYFMUgg18jHWlUYkkT8Y7YYsMP8azKn6QyCdWItnAtjHnZSo3ehIMdPYfH7Pufe+VwpB',
      spoken
    ],
    ['{PBKDF2-SHA256}1000$spaSMgbgvFdq7Z2z9j7nnA$FzUYdwoNeKOkwvUItSRhaPK1CAgj2rkPgvsLxe.SZ4I', spoken],
    ['{PBKDF2}1000$j3EupRTifI/R.v8/51wLQQ$t0K9KxAnImSFi5lttug1PMA/g0c', spoken],
    ['{SHA}OIXDB3kp9I451NQYSgNz2p5xKYU=', spoken],
    ['{SMD5}G30F1kUuDcwTorRs11k17ZCS8t4=', spoken],
    ['{CRYPT}$1$saltsalt$4px9i58NU2Z2/vZOUlGjq.', 'x']
  ],
  'PBKDF2: doveadm pw': [
    ['{PBKDF2}$1$kdWwADmjU.Kx6xTb$1000$b7a0f12d5605552451f087543c50ee2d566142d3', 'x'],
    ['{PBKDF2}$1$2TMJD9Xid86hB6wv$5000$939dcf176172b8b6f7df738eda8ac38e308817b1', 'pässwörd 🔑 ключ']
  ],
  'scrypt: Django 4.0’s and 5.1’s test_hashers.py': [
    [
      'scrypt$16384$seasalt$8$1$Qj3+9PPyRjSJIebHnG81TMjsqtaIGxNQG/aEB/NYafTJ7tibgfYz71m0ldQESkXFRkdVCBhhY8mx7rQwite/Pw==',
      'lètmein'
    ],
    [
      'scrypt$16384$seasalt$8$5$ECMIUp+LMxMSK8xB/IVyba+KYGTI7FTnet025q/1f/vBAVnnP3hdYqJuRi+mJn6ji6ze3Fbb7JEFPKGpuEf5vw==',
      'lètmein'
    ]
  ],
  'Werkzeug: by its definition, from Python’s hashlib': [
    [
      'scrypt:32768:8:1$saltsalt$7a0dd14227eb871787b1ebab48b29fac5cfc520f19d8a5b2c8a1bc2b4813ea684a6a2270a18bed25ad12b0bd7d45cb544be2eeca583f8205c8d53099cea783ec',
      spoken
    ],
    ['pbkdf2:sha256:1000$saltsalt$07eb684de2edd1fc419aa3b91a23f1c703595321f87550c4e51d30a37912f11f', spoken]
  ]
}

for (const [source, list] of Object.entries(vectors)) {
  t.test(source, async (t) => {
    for (const [hash, password] of list) await opens(t, hash, password)
  })
}

const outputOf = (command: string, ...args: string[]): string =>
  execFileSync(pathOf(command) ?? command, args, { encoding: 'utf8' }).trim()

const words = ['x', 'correct horse battery staple', `${spoken} 😀`.repeat(8)]

t.test('openssl passwd', { skip: needs('openssl') }, async (t) => {
  for (const kind of ['-1', '-apr1', '-5', '-6'])
    for (const word of words) await opens(t, outputOf('openssl', 'passwd', kind, word), word)
})

t.test('mkpasswd', { skip: needs('mkpasswd') }, async (t) => {
  for (const kind of ['md5crypt', 'sha256crypt', 'sha512crypt', 'bcrypt', 'bcrypt-a'])
    for (const word of words.slice(0, 2)) {
      const rounds = kind.startsWith('sha') ? ['-R', '1500'] : kind.startsWith('bcrypt') ? ['-R', '4'] : []
      await opens(t, outputOf('mkpasswd', '-m', kind, ...rounds, word), word)
    }
  const none = { yescrypt: 'yescrypt', 'gost-yescrypt': 'yescrypt', descrypt: 'des-crypt' }
  for (const [kind, reason] of Object.entries(none)) {
    const hash = outputOf('mkpasswd', '-m', kind, 'x')
    t.equal(why(hash), reason, kind)
    t.equal(why(`{CRYPT}${hash}`), reason, kind)
    t.equal(await passwords.verify(hash, 'x'), false)
  }
})

t.test('htpasswd', { skip: needs('htpasswd') }, async (t) => {
  for (const kind of ['-m', '-B', '-s', '-2', '-5'])
    for (const word of words.slice(0, 2)) {
      const line = execFileSync(pathOf('htpasswd') ?? '', ['-nb', kind, 'who', word], { encoding: 'utf8' }).trim()
      await opens(t, line.replace('who:', ''), word)
    }
})

t.test('slappasswd', { skip: needs('slappasswd') }, async (t) => {
  for (const scheme of ['{SSHA}', '{SHA}', '{SMD5}'])
    for (const word of words) await opens(t, outputOf('slappasswd', '-h', scheme, '-s', word), word)
  const [md5 = ''] = [outputOf('slappasswd', '-h', '{MD5}', '-s', 'x')]
  t.equal(why(md5), 'unsupported', 'a plain MD5 by any name')
})

t.test('doveadm', { skip: needs('doveadm') }, async (t) => {
  const schemes = [
    'SSHA',
    'SSHA256',
    'SHA512',
    'SMD5',
    'SHA512-CRYPT',
    'MD5-CRYPT',
    'BLF-CRYPT',
    'CRYPT',
    'PBKDF2',
    'ARGON2ID'
  ]
  for (const scheme of schemes)
    for (const word of words.slice(0, 2)) await opens(t, outputOf('doveadm', 'pw', '-s', scheme, '-p', word), word)
})

t.test('Django', { skip: needsPython('django', 'argon2', 'bcrypt') }, async (t) => {
  const names = ['PBKDF2', 'PBKDF2SHA1', 'Argon2', 'BCryptSHA256', 'BCrypt', 'SHA1', 'MD5']
  const program = `
import sys
from django.conf import settings
names = sys.argv[2:]
settings.configure(PASSWORD_HASHERS=['django.contrib.auth.hashers.%sPasswordHasher' % name for name in names])
from django.contrib.auth.hashers import get_hasher, get_hashers, make_password
for hasher in get_hashers():
    print(make_password(sys.argv[1], None, hasher.algorithm))
print(make_password(None))`
  for (const word of words) {
    const hashes = execFileSync(python, ['-c', program, word, ...names], { encoding: 'utf8' })
      .trim()
      .split('\n')
    const unusable = hashes.pop() ?? ''
    t.equal(why(unusable), 'none', unusable)
    t.equal(hashes.length, names.length)
    for (const hash of hashes) {
      t.equal(await passwords.verify(hash, word), true, hash)
      if (!hash.startsWith('bcrypt$')) t.equal(await passwords.verify(hash, `${word}x`), false)
      t.ok(passwords.needsRehash(hash))
    }
  }
})

t.test('bcrypt reads 72 bytes; more is cut as its makers did; a NUL opens nothing', async (t) => {
  const hash = '$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui'
  const long = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'
  t.ok(await passwords.verify(hash, long))
  t.ok(await passwords.verify(hash, `${long}chars after 72 are ignored`))
  t.notOk(await passwords.verify(hash, long.slice(0, 71)))
  t.notOk(await passwords.verify('$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW', 'U*U\0more'))
  // crypt_blowfish wrapper.c: what the bug made of bytes that are no UTF-8
  const salted = '$2b$05$/OK.fbVrR/bpIqNJ5ianF.'
  const bytes = (text: string) => signExtended(Buffer.from(text, 'latin1'))
  t.ok(await bcrypt.compare(bytes('\xa3'), `${salted}CE5elHaaO4EbggVDjb8P19RukzXSM3e`))
  t.ok(await bcrypt.compare(bytes('\xff\xff\xa3'), `${salted}CE5elHaaO4EbggVDjb8P19RukzXSM3e`))
  t.ok(await bcrypt.compare(bytes('1\xa3345'), `${salted}o./n25XVfn6oAPaUvHe.Csk4zRfsYPi`))
  t.notOk(await bcrypt.compare(bytes('\xa3'), `${salted}Sa7shbm4.OzKpvFnX1pQLmQW96oUlCq`), 'and not the right one')
})

t.test('what costs too much is refused before anything is computed', async (t) => {
  const digits = (length: number) => 'a'.repeat(length)
  const expensive = [
    `$argon2id$v=19$m=4294967295,t=1,p=1$${digits(22)}$${digits(43)}`,
    `argon2$argon2id$v=19$m=131073,t=1,p=1$${digits(22)}$${digits(43)}`,
    `$2b$15$${digits(53)}`,
    `$2b$31$${digits(53)}`,
    `$2x$31$${digits(53)}`,
    `bcrypt_sha256$$2b$31$${digits(53)}`,
    `$wp$2y$31$${digits(53)}`,
    `{CRYPT}$2b$31$${digits(53)}`,
    `$pbkdf2-sha256$9999999999$${digits(22)}$${digits(43)}`,
    `pbkdf2_sha256$3600001$salt$${digits(43)}=`,
    `pbkdf2:sha256:9999999999$salt$${digits(64)}`,
    `{PBKDF2-SHA512}9999999999$${digits(22)}$${digits(86)}`,
    `$scrypt$ln=31,r=8,p=1$${digits(22)}$${digits(43)}`,
    `$scrypt$ln=14,r=8,p=9999$${digits(22)}$${digits(43)}`,
    `$scrypt$ln=1,r=1,p=9999999999$${digits(22)}$${digits(43)}`,
    `scrypt$16777216$salt$8$1$${digits(86)}`,
    `scrypt:1073741824:8:1$salt$${digits(128)}`,
    `$6$rounds=999999999$salt$${digits(86)}`,
    `$5$rounds=1000001$salt$${digits(43)}`,
    `$P$Z12345678${digits(22)}`.replace('Z', 'S'),
    `$S$S12345678${digits(43)}`
  ]
  for (const hash of expensive) t.equal(why(hash), 'too-expensive', hash.slice(0, 60))
  const reasons: string[] = []
  for (const hash of expensive) {
    t.equal(await passwords.verify(hash, 'x', { onUnusable: (reason) => reasons.push(reason) }), false)
  }
  t.equal(reasons.length, expensive.length)
})

t.test('what is malformed, unknown or no password at all is false, with a word', async (t) => {
  const odd: Record<string, readonly string[]> = {
    malformed: [
      '$argon2id$',
      '$2b$10$short',
      '$2z$10$',
      '$6$salt$short',
      '$6$rounds=x$salt$aaaa',
      '$1$salt$x',
      '$P$B',
      '$S$D12345678',
      'pbkdf2_sha256$0$salt$aaaa',
      'pbkdf2_md5$1000$salt$aaaa',
      `pbkdf2_sha256$-1$salt$${'a'.repeat(43)}`,
      'scrypt$3$salt$8$1$aaaa',
      '$scrypt$ln=99,r=8,p=1$$aaaa',
      '{SSHA}####',
      '{SSHA}OIXDB3kp9I451NQYSgNz2p5xKYU=',
      '{SHA}AAAA',
      'md5$salt$nothex',
      'x'.repeat(5000)
    ],
    unsupported: [
      'plain',
      '$7$CU..../....',
      '{CRYPT}ab1234567890.x',
      '{SHA512-CRYPT}ab1234567890.',
      '{CLEARTEXT}secret',
      '{X-UNKNOWN}x',
      '$',
      '$$$'
    ],
    yescrypt: ['$y$j9T$abc$def', '$gy$j9T$abc$def', '{CRYPT}$y$j9T$abc$def'],
    'des-crypt': ['ab1234567890.', '{CRYPT}ab1234567890.', '_J9..rasmz0.F/jqjWck', 'crypt$$abNANd1rDfiNc'],
    none: ['', '!', '*', '!unusable', '!$6$locked', '*LK*', '{CRYPT}!', '{SSHA}'],
    weak: [
      createHash('md5').update('x').digest('hex'),
      createHash('sha1').update('x').digest('hex'),
      `md5$$${createHash('md5').update('x').digest('hex')}`
    ]
  }
  for (const [reason, hashes] of Object.entries(odd))
    for (const hash of hashes) {
      t.equal(why(hash), reason, hash.slice(0, 60))
      t.equal(await passwords.verify(hash, 'x'), false)
    }
  const reads = fc.property(
    fc.string(),
    fc.constantFrom('$6$', '$2b$', 'scrypt$', '{SSHA}', 'U$', '$P$', ''),
    (text, prefix) => {
      why(prefix + text)
      return true
    }
  )
  fc.assert(reads, { numRuns: 2000 })
})

t.test('plain digests open where the source says that it has such', async (t) => {
  for (const digest of ['md5', 'sha1', 'sha256', 'sha512']) {
    const hash = createHash(digest).update(spoken).digest('hex')
    t.equal(await passwords.verify(hash, spoken), false)
    t.equal(await passwords.verify(hash, spoken, { weak: true }), true)
    t.equal(await passwords.verify(hash.toUpperCase(), spoken, { weak: true }), true)
    t.equal(await passwords.verify(hash, 'x', { weak: true }), false)
  }
  t.ok(await passwords.verify(`md5$$${createHash('md5').update('x').digest('hex')}`, 'x', { weak: true }))
})

t.test('sixty-four old hashes at once leave the event loop free, and each costs what a new one does', async (t) => {
  const slow = '$S$DNbBTrkalsPChLsqajHUQS18pBBxzSTQW0310SzivTy7HDQ.zgyG'
  const before = performance.eventLoopUtilization()
  const answers = await Promise.all(
    Array.from({ length: 64 }, (_, at) => passwords.verify(slow, at % 2 === 0 ? 'adrian' : 'wrong'))
  )
  const { utilization } = performance.eventLoopUtilization(before)
  t.same(
    answers,
    answers.map((_, at) => at % 2 === 0)
  )
  t.ok(utilization < 0.5, `the loop was busy for ${utilization} of the time`)

  const fast = await openPasswords({ concurrency: 1, queueTimeoutMs: 60_000 })
  const costOf = async (work: () => Promise<unknown>): Promise<number> => {
    const began = process.cpuUsage()
    await work()
    return process.cpuUsage(began).user
  }
  for (const hash of ['{SSHA}cXfCqNtARP3alP8oo1fgc7GeCpdX6t27', '$6$$$', '!']) {
    const ratios: number[] = []
    // of the processor's time, which no other process adds to; without the decoy it would be a hundredth
    for (let round = 0; round < 15; round++) {
      const decoy = await costOf(() => fast.verifyDecoy('x'))
      ratios.push((await costOf(() => fast.verify(hash, 'x'))) / decoy)
    }
    t.ok((ratios.sort((a, b) => a - b)[7] ?? 0) > 0.5, `${hash}: ${ratios[7]}`)
  }
})

t.test(
  'accounts of ours and of the configuration may carry them, and are made anew by the right password only',
  async (t) => {
    const old = vectors['MD5-crypt: python3 crypt (glibc)']?.[0]?.[0] ?? ''
    const latchkey = await openTestLatchkey(
      t,
      `publicClient: true\nlimits: { account: false }\nbackends:
  - { id: local, type: local }
  - { id: fixed, type: static, users: [{ username: ann, email: ann@example.com, passwordHash: "${old}" }] }`
    )
    const id = await latchkey.addUser({ email: 'old@example.com' })
    await setPasswordHash(latchkey.store, id, old, 1)
    const stored = async () => (await latchkey.store.accounts.byId(id))?.passwordHash
    const status = async (username: string, password: string) =>
      (await latchkey.token({ grant_type: 'password', username, password })).statusCode
    t.equal(await status('old@example.com', 'wrong'), 400)
    t.equal(await stored(), old)
    t.equal(await status('old@example.com', 'x'), 200)
    t.match(await stored(), /^\$argon2id\$/)
    t.equal(await status('old@example.com', 'x'), 200)
    for (const [password, wanted] of [
      ['wrong', 400],
      ['x', 200],
      ['wrong', 400],
      ['x', 200]
    ] as const) {
      t.equal(await status('ann', password), wanted, `the configuration's: ${password}`)
    }
    await setPasswordHash(latchkey.store, id, '$6$broken', 2)
    t.equal(await status('old@example.com', 'x'), 400)
    t.match(latchkey.log(), /"event":"hash_unusable","backend":"local","account":"local:[\w-]+","reason":"malformed"/)
    t.notOk(latchkey.log().includes('$6$broken'), 'the hash is not logged')
    for (const [hash, reason] of [
      ['$y$j9T$CanarySaltCanary$x', 'yescrypt'],
      ['CanaryCanaryC', 'des-crypt']
    ] as const) {
      await setPasswordHash(latchkey.store, id, hash, 3)
      t.equal(await status('old@example.com', 'x'), 400)
      t.match(latchkey.log(), `"account":"local:${id}","reason":"${reason}"`, 'not in silence')
    }
    t.notMatch(latchkey.log(), /CanarySalt|CanaryCanary/)
  }
)
