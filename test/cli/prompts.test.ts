import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { temporaryFolder } from '../latchkey.ts'
import { command } from '../process.ts'
import { needsPython } from '../servers/needs.ts'
import { ctrlC, ctrlD, startOnTerminal } from '../servers/terminal.ts'

const yaml = `publicClient: true
issuer: http://localhost:8000
backends: [{ id: local, type: local }]
users: { attributes: { department: { type: string, maxLength: 10, required: true }, level: { type: number } } }
`
const password = 'canary-correct-horse'
const other = 'canary-battery-staple'
const enter = '\r'

t.test('what a person is asked', { skip: needsPython('pty') }, async (t) => {
  const folder = await temporaryFolder(t)
  await writeFile(join(folder, 'latchkey.yaml'), yaml)
  const listed = async () => (await command(t, ['users', 'list'], folder)).stdout
  const check = (name: string, hash: string) =>
    command(t, ['explain', name, '--password-stdin'], folder, { input: `${hash}\n` })

  await t.test('create-superuser: every field that is required, the password twice, until they will do', async (t) => {
    const terminal = startOnTerminal(t, ['users', 'create-superuser'], folder)
    await terminal.shows('E-mail')
    terminal.type(`nobody${enter}`)
    await terminal.shows('is no e-mail address')
    terminal.type(`\u0015root@example.com${enter}`)
    await terminal.shows('department (string)')
    terminal.type(enter)
    await terminal.shows('it is needed')
    terminal.type(`Sales${enter}`)
    await terminal.shows('Password')
    terminal.type(`short${enter}`)
    await terminal.shows('at least 15 characters')
    await terminal.shows('Password')
    terminal.type(enter)
    await terminal.shows('the password is empty')
    await terminal.shows('Password')
    terminal.type(`root@example.com${enter}`)
    await terminal.shows('nothing but a name')
    await terminal.shows('Password')
    terminal.type(`${password}${enter}`)
    await terminal.shows('Password again')
    terminal.type(`${other}${enter}`)
    await terminal.shows('the two passwords differ')
    await terminal.shows('Password')
    terminal.type(`${password}${enter}`)
    await terminal.shows('Password again')
    terminal.type(`${password}${enter}`)
    await terminal.shows('created')
    t.equal(await terminal.ended(), 0, terminal.shown())
    t.notMatch(terminal.shown(), /canary/, 'not echoed')
    t.match(await listed(), 'root@example.com')
    t.equal((await check('root@example.com', password)).code, 0, 'that is the password')
    t.equal((await check('root@example.com', other)).code, 1)
  })

  await t.test('giving up at any question leaves nothing', async (t) => {
    const before = await listed()
    const answers = [
      ['E-mail', `gone@example.com${enter}`],
      ['department (string)', `Sales${enter}`],
      ['Password', `${password}${enter}`],
      ['Password again', `${password}${enter}`]
    ] as const
    for (const [at, [question]] of answers.entries()) {
      const terminal = startOnTerminal(t, ['users', 'create-superuser'], folder)
      for (const [earlier, answer] of answers.slice(0, at)) {
        await terminal.shows(earlier)
        terminal.type(answer)
      }
      await terminal.shows(question)
      terminal.type(at % 2 === 0 ? ctrlD : ctrlC)
      t.equal(await terminal.ended(), 1, question)
      t.match(terminal.shown(), 'cancelled')
      t.notMatch(terminal.shown(), /canary|Error:|Warning:/)
    }
    t.equal(await listed(), before)
  })

  await t.test('create and set-password: the same questions; Enter means no password', async (t) => {
    const more = ['--attribute', 'department=Sales']
    const ann = startOnTerminal(t, ['users', 'create', 'ann@example.com', ...more], folder)
    await ann.shows('Password (none: just Enter)')
    ann.type(enter)
    t.equal(await ann.ended(), 0, ann.shown())
    const show = async () =>
      JSON.parse((await command(t, ['users', 'show', 'ann@example.com', '--json'], folder)).stdout)
    t.match(await show(), { hasPassword: false })

    const set = startOnTerminal(t, ['users', 'set-password', 'ann@example.com'], folder)
    await set.shows('Password')
    set.type(`ann@example.com${enter}`)
    await set.shows('nothing but a name')
    await set.shows('Password')
    set.type(`${other}${enter}`)
    await set.shows('Password again')
    set.type(`${other}${enter}`)
    t.equal(await set.ended(), 0, set.shown())
    t.match(await show(), { hasPassword: true })
    t.equal((await check('ann@example.com', other)).code, 0)

    const gone = startOnTerminal(t, ['users', 'create', 'no address', ...more], folder)
    t.equal(await gone.ended(), 1)
    t.match(gone.shown(), 'is no e-mail address')
    t.notMatch(gone.shown(), 'Password', 'nobody types a password for nothing')
  })
})
