import t from 'tap'
import { validate, version } from 'uuid'
import { newId } from '../src/new-id.ts'

t.test('ids are UUIDv7 of now, each greater than the one before, and unequal in what is random', async (t) => {
  const began = Date.now()
  const ids = Array.from({ length: 20_000 }, newId)
  t.ok(ids.every((id) => validate(id) && version(id) === 7 && id === id.toLowerCase()))
  t.same([...ids].sort(), ids)
  t.equal(new Set(ids).size, ids.length)
  t.ok(new Set(ids.map((id) => id.slice(-10))).size > ids.length - 10, '40 bits of them are random')
  const times = ids.map((id) => Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16))
  t.ok(times.every((time) => time >= began && time <= Date.now()))
})
