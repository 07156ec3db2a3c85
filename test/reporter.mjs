// tap reporter: a line per file, each failure with its diagnostics, and last "N passed, N failed"
import { Transform } from 'node:stream'
import { Parser } from 'tap-parser'
import { stringify } from 'tap-yaml'
export default class Summary extends Transform {
  #parser = new Parser()
  #n = { passed: 0, failed: 0, skipped: 0, todo: 0 }
  constructor() {
    super({ encoding: 'utf8' })
    this.#watch(this.#parser, [])
    this.#parser.on('complete', (r) => {
      const n = this.#n
      if (!r.ok && n.failed === 0) n.failed = 1 // a plan that was not met
      this.push(
        `${n.passed} passed, ${n.failed} failed${n.skipped ? `, ${n.skipped} skipped` : ''}${n.todo ? `, ${n.todo} todo` : ''}\n`
      )
    })
  }

  #watch(parser, path) {
    const n = this.#n
    const before = new Map() // failures seen when each subtest began
    parser.on('child', (c) => {
      before.set(c.name, n.failed)
      this.#watch(c, [...path, c.name])
    })
    parser.on('assert', (r) => {
      if (path.length === 0)
        this.push(`${r.ok ? 'ok  ' : 'FAIL'} ${r.name}${r.time ? ` (${Math.round(r.time)} ms)` : ''}\n`)
      if (r.skip) {
        n.skipped++
        return
      }
      if (r.todo) {
        n.todo++
        return
      }
      if (before.has(r.name)) {
        // the line that closes a subtest repeats what was inside
        if (r.ok || n.failed > before.get(r.name)) return
      } else if (r.ok) {
        n.passed++
        return
      }
      n.failed++
      this.push(
        `FAIL ${[...path, r.name].filter(Boolean).join(' > ')}\n${stringify(r.diag || {}).replace(/^/gm, '    ')}\n`
      )
    })
    parser.on('bailout', (r) => {
      n.failed++
      this.push(`Bail out! ${r}\n`)
    })
  }

  _transform(chunk, enc, cb) {
    this.#parser.write(chunk)
    cb()
  }
  _flush(cb) {
    this.#parser.end()
    cb()
  }
}
