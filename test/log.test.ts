import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import t, { type Test } from 'tap'
import { openLog } from '../src/log.ts'

async function openLines() {
  const lines: string[] = []
  const stream = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk))
      done()
    }
  })
  return { lines, log: await openLog('info', { stream, terminal: false }) }
}

t.test('fields that are called like secrets are hidden, inside of fields and in children too', async (t) => {
  const { lines, log } = await openLines()
  const fields = { user: 'alice', password: 'canary', body: { token: 'canary', kind: 'x' }, list: [{ x: 1 }] }
  log.info(fields, 'one')
  log.child({ reqId: 'r1' }).warn({ authorization: 'canary', none: null, nothing: undefined }, 'two')
  t.same(
    lines.map((line) => JSON.parse(line)).map(({ time: _time, ...rest }) => rest),
    [
      {
        ...{ level: 'info', user: 'alice', password: '[hidden]', body: { token: '[hidden]', kind: 'x' } },
        ...{ list: [{ x: 1 }], msg: 'one' }
      },
      { level: 'warn', reqId: 'r1', authorization: '[hidden]', none: null, msg: 'two' }
    ]
  )
  t.equal(fields.body.token, 'canary', 'what was logged is left as it was')
})

t.test('an error is written without a driver’s own fields', async (t) => {
  const { lines, log } = await openLines()
  const error = Object.assign(new Error('failed\nparams: canary'), { sql: 'canary', code: 'E1' })
  log.error({ err: Object.assign(error, { password: 'canary' }) }, 'three')
  t.match(JSON.parse(lines[0] ?? ''), { err: { type: 'Error', message: 'failed', code: 'E1' } })
  t.notMatch(lines[0], /canary/)
})

/** A process that logs to a pipe, and the messages of its lines as they come. */
function logging(t: Test, script: string) {
  const source = `import { openLog } from ${JSON.stringify(new URL('../src/log.ts', import.meta.url).href)}
    const log = await openLog('info', { terminal: false })
    ${script}`
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], { stdio: ['pipe', 'pipe', 'inherit'] })
  t.teardown(() => child.kill())
  const ended = once(child, 'close')
  const messages: string[] = []
  const lines = createInterface({ input: child.stdout })
  lines.on('line', (line) => messages.push(JSON.parse(line).msg))
  return { messages, ended, firstLine: () => once(lines, 'line') }
}

t.test('none is lost where a process ends, and where nobody cuts it off lines come in their order', async (t) => {
  for (const end of ['process.exit(0)', '', 'log.fatal("fatal"); process.exit(1)']) {
    const { messages, ended } = logging(
      t,
      `for (let turn = 0; turn < 100; turn++) {
        log.info({ event: 'request', agent: 'x'.repeat(turn) }, 'answered ' + turn)
        if (turn % 7 === 0) log.info({ event: 'login' }, 'login ' + turn)
        if (turn % 31 === 0) await new Promise((resolve) => setTimeout(resolve, 5))
      }
      ${end}`
    )
    await ended
    const expected = Array.from({ length: 100 }, (_, turn) => [
      `answered ${turn}`,
      ...(turn % 7 === 0 ? [`login ${turn}`] : [])
    ]).flat()
    const all = [...expected, ...(end.includes('fatal') ? ['fatal'] : [])]
    // what a thread is writing at that moment may come behind what is written at the exit
    const asPromised = (lines: readonly string[]) => (end === '' ? lines : lines.toSorted())
    t.same(asPromised(messages), asPromised(all), end)
  }
})

t.test('of what is logged in one turn none is lost at the end, however much it is', async (t) => {
  const { messages, ended } = logging(
    t,
    "for (let n = 0; n < 3000; n++) log.info({ pad: 'x'.repeat(500) }, String(n)); process.exit(0)"
  )
  await ended
  t.same(new Set(messages), new Set(Array.from({ length: 3000 }, (_, n) => String(n))))
})

t.test('a line about a request waits for others a moment only', async (t) => {
  const { messages, firstLine } = logging(t, `log.info({ event: 'request' }, 'alone'); setInterval(() => {}, 1000)`)
  await firstLine()
  t.same(messages, ['alone'])
})
