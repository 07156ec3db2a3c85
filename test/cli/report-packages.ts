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

process.once('exit', () => writeFileSync(process.env.PACKAGES ?? '', [...packages].sort().join('\n')))
