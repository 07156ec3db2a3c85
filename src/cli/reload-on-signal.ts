import type { Reloader, ReloadTools } from '../reload.ts'
import { openPidFile, type PidFile, pidFilePath } from './pid-file.ts'

/** Bears a SIGHUP while the service starts, which would end it. @returns what stops that, and tells whether one came */
export function bearSignal(): () => boolean {
  let hasCome = false
  const listener = (): void => {
    hasCome = true
  }
  process.on('SIGHUP', listener)
  return () => {
    process.off('SIGHUP', listener)
    return hasCome
  }
}

/**
 * Reads the configuration again at each SIGHUP: signals that come meanwhile are one more time together. Says in a file
 * how to reach this process, and how it ended.
 * @param bore what bore signals until now
 * @returns what ends it
 */
export function reloadOnSignal(tools: ReloadTools, bore: () => boolean): () => Promise<void> {
  const file = pidFileOf(tools)
  let reloads = 0
  let isWaiting = false
  let reloader: Promise<Reloader> | undefined
  let last: Promise<void> = Promise.resolve()

  const once = async (): Promise<void> => {
    isWaiting = false
    file?.write({ reloads, reloading: true })
    reloader ??= import('../reload.ts').then(({ createReloader }) => createReloader(tools))
    const outcome = await (await reloader).reload()
    reloads++
    file?.write({ reloads, reloading: false, ...(outcome.reloaded ? {} : { mistakes: outcome.mistakes }) })
  }
  const onSignal = (): void => {
    if (isWaiting) return
    isWaiting = true
    last = last.then(once).catch((err) => tools.log.error({ err }, 'the pid file could not be written'))
  }
  process.on('SIGHUP', onSignal)
  if (bore()) onSignal()
  return async () => {
    await last
    process.off('SIGHUP', onSignal)
    await (await reloader)?.close()
    file?.remove()
  }
}

function pidFileOf({ latchkey: { config }, log }: ReloadTools): PidFile | undefined {
  const path = pidFilePath(config)
  try {
    const file = openPidFile(path)
    if (file === undefined) log.warn({ event: 'pid_file_unwritten', path }, 'another server has this pid file')
    return file
  } catch (err) {
    log.warn({ event: 'pid_file_unwritten', path, err }, 'the pid file could not be written')
    return undefined
  }
}
