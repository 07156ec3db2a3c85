import assert from 'node:assert/strict'
import type { HeaderCredentials } from '../auth/backend.ts'
import type { ConformingHeaders } from './conforming.ts'
import { odd } from './odd.ts'
import type { Cases } from './subject.ts'

/** What holds of a backend that takes the headers of a proxy. */
export function headerCases({ headers, peer, wrong }: ConformingHeaders): Cases {
  const good: HeaderCredentials = { kind: 'header', headers, peer }
  const each = (change: (value: string) => string) => headers.map(([name, value]) => [name, change(value)] as const)
  return {
    async 'accepts nothing that is wrong'({ ask }) {
      for (const [name, more] of Object.entries(wrong)) {
        assert.notEqual((await ask({ ...good, ...more })).outcome, 'accepted', name)
      }
    },

    async 'finds nobody in headers that are missing, twice there, empty, several in one or named otherwise'(subject) {
      const changed: Record<string, HeaderCredentials['headers']> = {
        none: [],
        'each twice': [...headers, ...headers],
        'each twice, and another value': [...headers, ...each((value) => `${value}x`)],
        empty: each(() => ''),
        spaces: each(() => ' '),
        lists: each((value) => `${value}, somebody`),
        'a NUL behind': each((value) => `${value}\u0000`),
        'a line behind': each((value) => `${value}\r\nx: y`),
        'with underscores': headers.map(([name, value]) => [name.replaceAll('-', '_'), value] as const)
      }
      for (const [name, given] of Object.entries(changed)) {
        const before = subject.found.length
        assert.notEqual((await subject.ask({ ...good, headers: given })).outcome, 'accepted', name)
        assert.equal(subject.found.length, before, `${name}: found somebody`)
      }
    },

    async 'accepts nothing that is no text, empty, over-long or has a NUL'({ ask }) {
      for (const [name, given] of Object.entries(odd('x'))) {
        const outcomes = [
          await ask({ ...good, headers: each(() => given) }),
          await ask({ ...good, headers: given as unknown as HeaderCredentials['headers'] })
        ]
        for (const { outcome } of outcomes) assert.notEqual(outcome, 'accepted', name)
        if (typeof given !== 'string') assert.equal((await ask({ ...good, peer: given })).outcome, 'unknown', name)
      }
    }
  }
}
