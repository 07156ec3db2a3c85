import { writeFileSync } from 'node:fs'
import { registerHooks } from 'node:module'

const packages = new Set<string>()

/** For `--import`: writes the names of the packages that a process has loaded where PACKAGES says, when it ends. */
registerHooks({
  load(url, context, next) {
    const [, name] = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url) ?? []
    if (name !== undefined) packages.add(name)
    return next(url, context)
  }
})

/** Node's own HTTP client, which it loads when something first looks at `fetch`. */
const ownClient = (): string[] => {
  const { moduleLoadList }: { readonly moduleLoadList?: readonly string[] } = Object(process)
  if (moduleLoadList === undefined) throw new Error('Node tells no more what it loads')
  return moduleLoadList.filter((name) => name.endsWith('internal/deps/undici/undici'))
}

process.once('exit', () => writeFileSync(process.env.PACKAGES ?? '', [...packages, ...ownClient()].sort().join('\n')))
