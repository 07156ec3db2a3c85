import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { Test } from 'tap'
import { temporaryFolder } from '../latchkey.ts'
import { freePort } from './free-port.ts'

const page = new URL('../../docs/backends/http.md', import.meta.url)

/** A service that decides about accounts. */
export interface AccountService {
  readonly url: string
  readonly port: number
  stop(): Promise<void>
}

/** Starts the service of docs/backends/http.md as it stands there, in a process of its own. */
export async function startSampleService(t: Test, secret: string): Promise<AccountService> {
  const [, source = ''] = /^```js\n([\s\S]*?)^```$/m.exec(readFileSync(page, 'utf8')) ?? []
  const file = join(await temporaryFolder(t), 'service.mjs')
  // Twenty honest hashes at once take a busy machine longer than a login may.
  await writeFile(file, source.replace("each', 32)", "each', 32, { cost: 256 })"))
  const port = await freePort()
  const env = { PATH: process.env.PATH, PORT: String(port), SECRET: secret }
  const child = spawn(process.execPath, [file], { env, stdio: ['ignore', 'inherit', 'inherit'] })
  const ended = once(child, 'exit')
  const stop = async () => {
    child.kill()
    await ended
  }
  t.teardown(stop)
  const url = `http://127.0.0.1:${port}/latchkey`
  while (!(await fetch(url, { method: 'POST' }).catch(() => undefined))) {
    if (child.exitCode !== null) throw new Error('the sample service ended')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return { url, port, stop }
}

/** A question as the service saw it. */
export interface Question {
  readonly request: IncomingMessage
  readonly body: string
  /** Undefined where it is no JSON. */
  readonly json: Record<string, unknown>
}

/** A service within this process that answers as it is told, and keeps what it was asked. */
export async function startFakeService(
  t: { teardown(end: () => unknown): unknown },
  answer: (question: Question, response: ServerResponse) => unknown
): Promise<AccountService & { readonly questions: Question[] }> {
  const questions: Question[] = []
  const server = createServer(async (request, response) => {
    const body = await text(request)
    const question = { request, body, json: JSON.parse(body) as Record<string, unknown> }
    questions.push(question)
    await answer(question, response)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const stop = async () => {
    server.close()
    server.closeAllConnections()
  }
  t.teardown(stop)
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return { url: `http://127.0.0.1:${address.port}/accounts`, port: address.port, stop, questions }
}

/** Answers with a status and JSON. */
export const answerJson = (response: ServerResponse, status: number, content: unknown): void => {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(content))
}
