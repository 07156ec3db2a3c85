import fc from 'fast-check'
import t from 'tap'
import { createPasswordPolicy } from '../../src/auth/password-policy.ts'
import { openPasswords } from '../../src/passwords/argon2.ts'
import { createCommonPasswords } from '../../src/passwords/common.ts'

const serviceNames = ['latchkey', 'https://auth.example.com', 'auth.example.com']
const policyOf = (minLength = 15) =>
  createPasswordPolicy({ minLength, serviceNames, isCommon: createCommonPasswords(minLength) })
const ann = {
  email: 'ann.of.the.valley@example.com',
  attributes: {
    firstName: 'Ann-Sophie',
    lastName: 'von Hagenbeck',
    displayName: 'Dr. Ann S. Hagenbeck',
    employeeNumber: '100000700000123'
  },
  identities: [{ username: 'annhagenbeck.corp' }]
}
const answerTo = async (password: string, policy = policyOf(), owner: typeof ann | undefined = ann) =>
  policy.demand(password, owner ?? { email: '', attributes: {} }).then(
    () => 'taken',
    ({ code, reason }) => (code === 'password_refused' ? reason : code)
  )

t.test('length counts in code points, of the composed text; nothing is asked of what it is made of', async (t) => {
  for (const [password, answer] of [
    ['', 'too-short'],
    ['x'.repeat(14), 'too-short'],
    ['x'.repeat(15), 'taken'],
    ['x'.repeat(1024), 'taken'],
    ['               ', 'taken'],
    ['😀'.repeat(14), 'too-short'],
    ['😀'.repeat(15), 'taken'],
    ['e\u0301'.repeat(14), 'too-short'],
    ['e\u0301'.repeat(15), 'taken'],
    ['only small letters', 'taken']
  ] as const)
    t.equal(await answerTo(password), answer, JSON.stringify(password.slice(0, 20)))
  t.equal(await answerTo('12 chars are', policyOf(12)), 'taken')
  await t.rejects(policyOf().demand('short', ann), {
    message: 'The new password is too short: at least 15 characters (passwords.minLength)'
  })
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'binary', minLength: 45, maxLength: 128 }), async (password) => {
      t.equal(await answerTo(password), 'taken', JSON.stringify(password))
    }),
    { numRuns: 200 }
  )
})

t.test(
  'whole passwords that everybody tries, whatever their case; as a part of another they are no matter',
  async (t) => {
    for (const password of ['qwerty123456789', 'QWERTY123456789', 'passwordPassword', '1234567890987654321'])
      t.equal(await answerTo(password), 'common', password)
    t.equal(await answerTo('passwordpassword and more'), 'taken')
    t.equal(await answerTo('Password1', policyOf(8)), 'common')
    t.equal(await answerTo('iloveyou', policyOf(8)), 'common')
  }
)

t.test('names of the person and of the service, alone', async (t) => {
  for (const password of [
    'ann.of.the.valley@example.com',
    'ANN.of.the.valley',
    'ann of the valley',
    'Ann-Sophie von Hagenbeck',
    'annsophievonhagenbeck',
    'von Hagenbeck Ann-Sophie',
    'Dr Ann S Hagenbeck',
    'ａｎｎ－ｓｏｐｈｉｅ　ｖｏｎ　ｈａｇｅｎｂｅｃｋ',
    '100000700000123',
    'annhagenbeck.corp'
  ])
    t.equal(await answerTo(password), 'own-name', password)
  for (const password of ['auth.example.com', 'https://auth.example.com', 'AUTH EXAMPLE COM'])
    t.equal(await answerTo(password), 'service-name', password)
  t.equal(await answerTo('Latchkey', policyOf(8)), 'service-name')
  t.equal(await answerTo('Ann-Sophie von Hagenbeck 7'), 'taken')
  t.equal(await answerTo('auth.example.com', policyOf(), undefined), 'service-name')
  t.equal(await answerTo('undefined undefined', policyOf(), undefined), 'taken')
  t.equal(await answerTo('---------------', policyOf(), undefined), 'taken')
})

t.test(
  'a password is one text however its accents are put together, and old hashes of it as typed open still',
  async (t) => {
    const { hash, verify, verifyDecoy } = await openPasswords({ memoryKiB: 64, iterations: 1 })
    const [composed, typed] = ['caf\u00e9 au lait every day', 'cafe\u0301 au lait every day']
    for (const stored of [await hash(composed), await hash(typed)]) {
      t.equal(await verify(stored, composed), true)
      t.equal(await verify(stored, typed), true)
      t.equal(await verify(stored, 'cafe au lait every day'), false)
    }
    const { hash: asTyped } = await import('@node-rs/argon2')
    const old = await asTyped(typed, { memoryCost: 64, timeCost: 1 })
    t.equal(await verify(old, typed), true)
    t.equal(await verify(old, composed), false)
    await t.resolves(verifyDecoy(typed))
  }
)
