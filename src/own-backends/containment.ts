import { AsyncLocalStorage } from 'node:async_hooks'
import { BackendMistake } from './mistake.ts'

/** Follows what a module starts: its promises, its timers, the sockets that it opens. */
const running = new AsyncLocalStorage<string>()

/** Runs code of a module, so that what it leaves behind is known for its own. */
export const inModule = <Result>(file: string, work: () => Result): Result => running.run(file, work)

/** Runs code of the service that a module calls. */
export const outsideModules = <Result>(work: () => Result): Result => running.exit(work)

/** The module whose code is running: asked where an error came up that nobody awaited. */
export const runningModule = (): string | undefined => running.getStore()

/** A module that ends the process, or calls a library that does, makes a mistake as by a throw; the service ends itself as ever. */
export function forbidExit(): void {
  const exit = process.exit.bind(process)
  process.exit = (...code) => {
    const file = runningModule()
    if (file === undefined) return exit(...code)
    throw new BackendMistake(file, 'called process.exit')
  }
}
