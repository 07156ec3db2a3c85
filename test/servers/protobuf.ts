/** How a field is read: by its wire type as the .proto has it, or as a message of its own. */
type FieldType =
  | 'string'
  | 'hex'
  | 'bool'
  | 'uint'
  | 'fixed32'
  | 'fixed64'
  | 'double'
  | 'packed fixed64'
  | 'packed double'
  | Shape

/** A message's fields by number; a name that ends in `[]` is repeated. */
export interface Shape {
  readonly [number: number]: readonly [name: string, type: FieldType | (() => Shape)]
}

/** Reads a protobuf message. A field that the shape does not have is a mistake: nothing passes unseen. */
export function decode(bytes: Buffer, shape: Shape): Record<string, unknown> {
  const message: Record<string, unknown> = {}
  let at = 0
  const varint = (): number => {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes.readUInt8(at++)
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return Number(value)
    }
  }
  const take = (length: number): Buffer => {
    if (at + length > bytes.length) throw new Error('the message is cut off')
    at += length
    return bytes.subarray(at - length, at)
  }
  while (at < bytes.length) {
    const key = varint()
    const [number, wire] = [key >>> 3, key & 7]
    const [label, written] = shape[number] ?? []
    if (label === undefined || written === undefined) throw new Error(`field ${number} is unknown`)
    const type = typeof written === 'function' ? written() : written
    const raw = wire === 0 ? varint() : take(wire === 2 ? varint() : wire === 1 ? 8 : 4)
    const value = fieldOf(raw, type)
    const name = label.replace('[]', '')
    message[name] = name === label ? value : [...((message[name] as unknown[]) ?? []), value]
  }
  return message
}

function fieldOf(raw: number | Buffer, type: FieldType): unknown {
  if (typeof raw === 'number') return type === 'bool' ? raw === 1 : raw
  if (typeof type === 'object') return decode(raw, type)
  const parts = Array.from({ length: raw.length / 8 }, (_, index) => raw.subarray(8 * index, 8 * index + 8))
  switch (type) {
    case 'hex':
      return raw.toString('hex')
    case 'fixed32':
      return raw.readUInt32LE()
    case 'fixed64':
      return raw.readBigUInt64LE()
    case 'double':
      return raw.readDoubleLE()
    case 'packed fixed64':
      return parts.map((part) => Number(part.readBigUInt64LE()))
    case 'packed double':
      return parts.map((part) => part.readDoubleLE())
    default:
      return raw.toString('utf8')
  }
}
