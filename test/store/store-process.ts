// a process with a store of its own, started by world.ts: `store-process.ts URL [EMAIL BACKEND TIMES]`
import { once } from 'node:events'
import { identity, newUser, open } from './world.ts'

const [url = '', email, backend = '', times = '1'] = process.argv.slice(2)
const waits = email !== undefined

if (waits) {
  const store = await open(url)
  console.log('ready')
  await once(process.stdin, 'data')
  const creations = Array.from({ length: Number(times) }, (_, n) =>
    store.users.create(newUser(email), identity(backend, `subject ${n % 2}`)).then(
      (created) => (created === 'taken' ? 'taken' : 'created'),
      (error) => String(error.cause ?? error)
    )
  )
  console.log(JSON.stringify(await Promise.all(creations)))
  await store.close()
} else {
  console.log('ready')
  await once(process.stdin, 'data')
  const store = await open(url).catch((error) => console.log(String(error.cause ?? error)))
  if (store) console.log(`opened with ${await store.users.count()} users`)
  await store?.close()
}
process.stdin.destroy()
