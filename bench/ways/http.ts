import { Pool } from 'undici'
import type { Way } from './way.ts'

/** One POST by undici on warm connections. */
export async function openHttp(): Promise<Way> {
  const pool = new Pool(process.env.TARGET ?? '', { connections: 64 })
  return async ({ username = '', password = '' }) => {
    const body = JSON.stringify({ operation: 'authenticate', username, password })
    const headers = { 'content-type': 'application/json' }
    const answer = await pool.request({ path: '/', method: 'POST', headers, body })
    return (await answer.body.json()) as { subject: string; email: string }
  }
}
