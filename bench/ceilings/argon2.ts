import { availableParallelism } from 'node:os'
import { hash, verify } from '@node-rs/argon2'

/** Verifications per second by the bare library, as many at once as there are cores. */
const seconds = Number(process.env.SECONDS)
const stored = await hash('correct horse battery', { memoryCost: 19456, timeCost: 2, parallelism: 1 })
let done = 0
let measuring = false
let ended = false

const worker = async (): Promise<void> => {
  while (!ended) {
    await verify(stored, 'correct horse battery')
    if (measuring) done++
  }
}
const workers = Array.from({ length: availableParallelism() }, worker)
await new Promise((resolve) => setTimeout(resolve, 500))
measuring = true
const began = performance.now()
await new Promise((resolve) => setTimeout(resolve, seconds * 1000))
measuring = false
process.stdout.write(String((done / (performance.now() - began)) * 1000))
ended = true
await Promise.all(workers)
