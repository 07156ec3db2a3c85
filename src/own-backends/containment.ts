import { AsyncLocalStorage } from 'node:async_hooks'

/** Follows what a module starts: its promises, its timers, the sockets that it opens. */
const running = new AsyncLocalStorage<string>()

/** Runs code of a module, so that what it leaves behind is known for its own. */
export const inModule = <Result>(file: string, work: () => Result): Result => running.run(file, work)

/** Runs code of the service that a module calls. */
export const outsideModules = <Result>(work: () => Result): Result => running.exit(work)

/** The module whose code is running: asked where an error came up that nobody awaited. */
export const runningModule = (): string | undefined => running.getStore()
