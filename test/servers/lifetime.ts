import { type ChildProcess, spawn } from 'node:child_process'
import { connect } from 'node:net'

/** Whether somebody takes connections there. */
export const isListening = (port: number, host = '127.0.0.1'): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, host)
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })

/**
 * Ends a server and its folder when our end of a pipe closes: however this process ends.
 * @param server the id of its process, or with a minus that of its group
 */
export const watchOver = (server: number, folder: string): ChildProcess => {
  const script = 'cat >/dev/null; kill -s KILL -- "$0"; rm -rf "$1"'
  return spawn('sh', ['-c', script, String(server), folder], { stdio: ['pipe', 'ignore', 'ignore'], detached: true })
}
