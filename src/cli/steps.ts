import { styleText } from 'node:util'
import type { TraceStep } from '../auth/backend.ts'

const marks = {
  ok: ['green', 'ok  '],
  failed: ['red', 'FAIL'],
  note: ['yellow', '-   ']
} as const

/** Text from elsewhere, without what would move the cursor or change colours. */
export const printable = (text: string): string => text.replace(/[\p{Cc}\p{Cf}]/gu, '\ufffd')

/** One step on a line, its remedy below; in colours where standard output is a terminal. */
export function stepLines({ step, outcome, text, remedy, ms }: TraceStep): string {
  const [colour, mark] = marks[outcome]
  const took = ms === undefined ? '' : ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`
  const line = `  ${coloured(colour, mark)} ${step.padEnd(11)} ${took.padStart(8)}  ${printable(text)}\n`
  return remedy === undefined ? line : `${line}${' '.repeat(29)}${coloured('cyan', `→ ${printable(remedy)}`)}\n`
}

/** Coloured where standard output is a terminal that may be coloured (NO_COLOR). */
export function coloured(colour: 'green' | 'red' | 'yellow' | 'cyan' | 'bold', text: string): string {
  return styleText(colour, text, { stream: process.stdout })
}
