import { Writable } from 'node:stream'
import t from 'tap'
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
