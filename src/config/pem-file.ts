import { readFileSync } from 'node:fs'
import { reasonOf } from './interpolation.ts'

/** What is wrong with a file of certificates or keys, if anything is. */
export function pemMistake(file: string): string | undefined {
  try {
    return readFileSync(file, 'latin1').includes('-----BEGIN ') ? undefined : 'is no PEM file'
  } catch (error) {
    return `can't be read: ${reasonOf(error)}`
  }
}
