import type { WriteStream } from 'node:tty'

/** A bar on a terminal; nothing where nobody watches. */
export interface Progress {
  /** @param expected how many there will be, about; 0: nobody knows */
  readonly show: (done: number, expected: number) => void
  end(): void
}

const columns = 30
const everyMs = 100

/** Shows a bar on the stream where that is a terminal. */
export function createProgress(stream: Pick<WriteStream, 'write'> & { readonly isTTY?: boolean }): Progress {
  if (!stream.isTTY) return { show() {}, end() {} }
  let shownAt = 0
  return {
    show(done, expected) {
      if (performance.now() - shownAt < everyMs) return
      shownAt = performance.now()
      const filled = expected === 0 ? 0 : Math.min(columns, Math.round((done / expected) * columns))
      const bar = expected === 0 ? '' : `${'█'.repeat(filled)}${'░'.repeat(columns - filled)} `
      stream.write(`\r\u001b[K${bar}${done}${expected === 0 ? '' : ` of about ${expected}`}`)
    },
    end() {
      stream.write('\r\u001b[K')
    }
  }
}
