// a process with a store of its own, started by stores.test.ts: `superuser-process.ts URL USER_ID`
import { once } from 'node:events'
import { atConsole } from '../../src/admin/actor.ts'
import { deleteUser, patchUser } from '../../src/admin/users.ts'
import { open } from '../store/world.ts'
import { toolsOver } from './world.ts'

const [url = '', id = '', how = ''] = process.argv.slice(2)
const store = await open(url)
const tools = toolsOver(store)
console.log('ready')
await once(process.stdin, 'data')
const change = { demote: { isSuperuser: false }, deactivate: { isActive: false } }[how]
const done = change ? patchUser(atConsole, id, change, tools) : deleteUser(atConsole, id, tools)
console.log(
  await done.then(
    () => 'done',
    (error) => error.code ?? String(error)
  )
)
await store.close()
process.stdin.destroy()
