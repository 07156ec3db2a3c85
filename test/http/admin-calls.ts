import type { TestLatchkey } from '../latchkey.ts'

/** What administration is done by. */
export type Method = 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE'

/** What came back. */
export interface Answered {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever came
  readonly body: any
  readonly headers: Record<string, unknown>
}

/** One request with a bearer token; a text goes as it is. */
export async function call(
  { app }: TestLatchkey,
  token: string,
  method: Method,
  url: string,
  payload?: unknown,
  headers: Record<string, string> = {}
): Promise<Answered> {
  const json = typeof payload === 'string' ? payload : JSON.stringify(payload)
  const answer = await app.inject({
    method,
    url,
    headers: {
      authorization: `Bearer ${token}`,
      ...(payload === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers
    },
    ...(payload === undefined ? {} : { payload: json })
  })
  return {
    status: answer.statusCode,
    body: answer.body === '' ? undefined : answer.json(),
    headers: answer.headers as Record<string, unknown>
  }
}

/** The same for one token. */
export type Ask = (
  method: Method,
  url: string,
  payload?: unknown,
  headers?: Record<string, string>
) => Promise<Answered>
