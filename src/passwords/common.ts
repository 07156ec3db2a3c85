import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

const list = '@zxcvbn-ts/language-common/src/passwords.json'

/**
 * Whether a password, in lower case, is among those that are met most often in what was stolen elsewhere. The list is read
 * when somebody sets a password for the first time; of it nothing is kept that is too short to be taken at all.
 */
export function createCommonPasswords(minLength: number): (password: string) => Promise<boolean> {
  let known: Promise<ReadonlySet<string>> | undefined
  return async (password) => {
    known ??= read(minLength)
    return (await known).has(password)
  }
}

async function read(minLength: number): Promise<ReadonlySet<string>> {
  const text = await readFile(fileURLToPath(import.meta.resolve(list)), 'utf8')
  const passwords: readonly string[] = JSON.parse(text)
  return new Set(passwords.filter(({ length }) => length >= minLength).map((password) => password.toLowerCase()))
}
