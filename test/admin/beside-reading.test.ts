import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { besideReading } from '../../src/admin/beside-reading.ts'

/** What happens when 1, 2, 3 … are read and worked on, each of which takes a while. */
const world = () => {
  const events: string[] = []
  async function* numbers(count: number, fails?: Error): AsyncGenerator<number> {
    try {
      for (let n = 1; n <= count; n++) {
        events.push(`read ${n}`)
        yield n
      }
      if (fails) throw fails
    } finally {
      events.push('closed')
    }
  }
  const work = async (n: number): Promise<void> => {
    events.push(`begin ${n}`)
    await sleep(10)
    events.push(`end ${n}`)
  }
  return { events, numbers, work }
}

t.test('the next one is read while one is worked on, and two are never worked on at once', async (t) => {
  const { events, numbers, work } = world()
  await besideReading(numbers(3), work)
  t.same(events, [
    ...['read 1', 'begin 1', 'read 2', 'end 1', 'begin 2', 'read 3', 'end 2', 'begin 3'],
    ...['closed', 'end 3']
  ])
})

t.test('where the reading fails, what was read before is done by then', async (t) => {
  const { events, numbers, work } = world()
  await t.rejects(besideReading(numbers(2, new Error('no more')), work), { message: 'no more' })
  t.equal(events.at(-1), 'end 2')
})

t.test('where the work fails, nothing more is worked on, and what is read is closed', async (t) => {
  const { events, numbers, work } = world()
  const failing = async (n: number): Promise<void> => {
    await work(n)
    if (n === 2) throw new Error('disk full')
  }
  await t.rejects(besideReading(numbers(9), failing), { message: 'disk full' })
  t.same(events.slice(-4), ['begin 2', 'read 3', 'end 2', 'closed'])
  await t.rejects(besideReading(numbers(2), failing), { message: 'disk full' }, 'the last one, too')
})
