import { InvalidArgumentError } from 'commander'

/** The part of one that an option says in per cent. @throws {InvalidArgumentError} */
export function percentage(text: string): number {
  const [, number] = /^(\d{1,3}(?:\.\d+)?)%$/.exec(text) ?? []
  const part = Number(number) / 100
  if (number === undefined || part > 1) throw new InvalidArgumentError('expected a percentage such as 10%')
  return part
}
