import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { createQueue } from '../../src/passwords/queue.ts'

/** Works that end when they are told to, and the order in which their results went on. */
function works(queue: ReturnType<typeof createQueue>, names: readonly string[]) {
  const went: string[] = []
  const ends = new Map<string, { end(): void; fail(error: Error): void }>()
  const results = names.map(async (name) => {
    const work = () => new Promise<void>((end, fail) => ends.set(name, { end, fail }))
    await queue.run(work).then(
      () => went.push(name),
      (error: Error) => went.push(`${name}: ${error.message}`)
    )
  })
  const after = async (act: () => void): Promise<string[]> => {
    act()
    await turn()
    return [...went]
  }
  return {
    end: (name: string) => after(() => ends.get(name)?.end()),
    fail: (name: string) => after(() => ends.get(name)?.fail(new Error('broken'))),
    all: Promise.all(results)
  }
}

const never = 60_000

t.test('while others wait for a permit, results go on in groups', async (t) => {
  const queue = createQueue({ permits: 1, maxWaiting: 10, maxWaitMs: never, group: { most: 2, patienceMs: never } })
  const { end, all } = works(queue, ['a', 'b', 'c', 'd'])
  await turn()
  t.same(await end('a'), [], 'waits for company')
  t.same(await end('b'), ['a', 'b'])
  t.same(await end('c'), ['a', 'b', 'c'], 'the one behind it has its permit: nobody waits')
  t.same(await end('d'), ['a', 'b', 'c', 'd'])
  await all
  t.same(queue.status(), { running: 0, waiting: 0 })
})

t.test('a result goes on at once where nobody waits for a permit', async (t) => {
  const queue = createQueue({ permits: 2, maxWaiting: 10, maxWaitMs: never, group: { most: 8, patienceMs: never } })
  const { end, all } = works(queue, ['a', 'b'])
  await turn()
  t.same(await end('a'), ['a'])
  t.same(await end('b'), ['a', 'b'])
  await all
})

t.test('those who were held back go on with the first who need not be', async (t) => {
  const queue = createQueue({ permits: 2, maxWaiting: 10, maxWaitMs: never, group: { most: 8, patienceMs: never } })
  const { end, all } = works(queue, ['a', 'b', 'c'])
  await turn()
  t.same(await end('a'), ['a'], 'c has its permit from now on')
  await end('b')
  t.same(await end('c'), ['a', 'b', 'c'])
  await all
  const { end: endOf, all: rest } = works(queue, ['d', 'e', 'f', 'g'])
  await turn()
  t.same(await endOf('d'), [], 'g waits for a permit')
  t.same(await endOf('e'), ['d', 'e'], 'g has one')
  await endOf('f')
  await endOf('g')
  await rest
})

t.test('no more are held back than wait for a permit', async (t) => {
  const queue = createQueue({ permits: 1, maxWaiting: 10, maxWaitMs: never, group: { most: 8, patienceMs: never } })
  const { end, all } = works(queue, ['a', 'b', 'c', 'd', 'e'])
  await turn()
  t.same(await end('a'), [], 'three wait')
  t.same(await end('b'), [], 'two wait')
  t.same(await end('c'), ['a', 'b', 'c'], 'one waits')
  await end('d')
  t.same(await end('e'), ['a', 'b', 'c', 'd', 'e'])
  await all
})

t.test('nobody waits for company beyond the patience', async (t) => {
  const queue = createQueue({ permits: 1, maxWaiting: 10, maxWaitMs: never, group: { most: 8, patienceMs: 1 } })
  const { end, all } = works(queue, ['a', 'b', 'c'])
  await turn()
  await end('a')
  let went: string[] = []
  while (went.length === 0) went = await end('nobody')
  t.same(went, ['a'], 'while b works on and c waits')
  await end('b')
  await end('c')
  await all
})

t.test('nobody is held back for longer than may be waited for', async (t) => {
  const queue = createQueue({ permits: 1, maxWaiting: 10, maxWaitMs: 60, group: { most: 8, patienceMs: never } })
  const { end, all } = works(queue, ['a', 'b', 'c'])
  await turn()
  t.same(await end('a'), [], 'c waits for a permit')
  await sleep(90)
  t.same((await end('nobody')).toSorted(), ['a', 'c: The service cannot answer at the moment'])
  const late = works(queue, ['d'])
  await turn()
  await end('b')
  await late.end('d')
  await Promise.all([all, late.all])
})

t.test('who is to go on sooner takes along those who were held back before', async (t) => {
  const queue = createQueue({ permits: 2, maxWaiting: 10, maxWaitMs: 200, group: { most: 8, patienceMs: never } })
  const early = works(queue, ['a'])
  await sleep(150)
  const { end, all } = works(queue, ['b', 'c', 'd', 'e', 'f', 'g'])
  await turn()
  t.same(await end('b'), [], 'four wait for a permit')
  t.same(await early.end('a'), [], 'three do')
  await sleep(80)
  t.same([await early.end('nobody'), await end('nobody')], [['a'], ['b']])
  for (const name of ['c', 'd', 'e', 'f', 'g']) await end(name)
  await Promise.all([early.all, all])
})

t.test('a failure is held back as a result is, and stays its own', async (t) => {
  const queue = createQueue({ permits: 1, maxWaiting: 10, maxWaitMs: never, group: { most: 2, patienceMs: never } })
  const { end, fail, all } = works(queue, ['a', 'b', 'c'])
  await turn()
  t.same(await fail('a'), [])
  t.same(await end('b'), ['a: broken', 'b'])
  await end('c')
  await all
})

t.test('the permit of a result that is held back is free', async (t) => {
  const queue = createQueue({ permits: 1, maxWaiting: 10, maxWaitMs: never, group: { most: 3, patienceMs: never } })
  const { end, all } = works(queue, ['a', 'b', 'c'])
  await turn()
  await end('a')
  t.same(queue.status(), { running: 1, waiting: 1 })
  await end('b')
  await end('c')
  await all
})
