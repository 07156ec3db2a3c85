import { Worker } from 'node:worker_threads'
import type { Question } from './sqlite-worker.ts'

/**
 * The process that has a foreign file open. SQLite can not be interrupted from JavaScript, and a thread that is inside SQLite
 * never ends: a process does. It answers from a thread, so that it hears when the service is gone, and goes with it.
 */
const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
const thread = new Worker(new URL(`./sqlite-worker${extension}`, import.meta.url), { workerData: process.argv[2] })
const die = (): boolean => process.kill(process.pid, 'SIGKILL')

thread.on('message', (reply) => process.send?.(reply))
thread.on('error', die)
process.on('message', (question: Question) => thread.postMessage(question))
process.on('disconnect', die)
// They are for the service, which answers what it has heard before it ends.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
