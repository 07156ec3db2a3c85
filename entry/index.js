// The package's entry. A checkout has sources and runs them as they are; the npm package has what the build made of them.
import { existsSync } from 'node:fs'

const source = new URL('../src/index.ts', import.meta.url)
export const { BackendUnavailable, defineBackend, Type } = await import(
  existsSync(source) ? source.href : new URL('../dist/index.js', import.meta.url).href
)
