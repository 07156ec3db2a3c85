// As index.js: the sources of a checkout, or what the build made of them.
import { existsSync } from 'node:fs'

const source = new URL('../src/testing/index.ts', import.meta.url)
export const { conformanceOf, openBackend } = await import(
  existsSync(source) ? source.href : new URL('../dist/testing/index.js', import.meta.url).href
)
