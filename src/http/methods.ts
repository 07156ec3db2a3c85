import type { App } from './server.ts'

interface Seen {
  readonly path: RegExp
  readonly methods: Set<string>
}

/** Remembers the routes that are added from now on, and tells which methods a URL's path has: none where there is no such path. */
export function watchMethods(app: App): (url: string) => readonly string[] {
  const seen = new Map<string, Seen>()
  app.addHook('onRoute', ({ url, method }) => {
    const route = seen.get(url) ?? { path: pathOf(url), methods: new Set<string>() }
    seen.set(url, route)
    for (const one of [method].flat()) route.methods.add(one)
  })
  return (url) => {
    const path = url.split('?')[0] ?? ''
    const found = Array.from(seen.values()).filter((route) => route.path.test(path))
    return [...new Set(found.flatMap(({ methods }) => [...methods]))].sort()
  }
}

/** A pattern of the router: `:name` is one segment, `*` whatever follows. */
const pathOf = (url: string): RegExp =>
  new RegExp(
    `^${url
      .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
      .replace(/:\w+/g, '[^/]+')
      .replaceAll('*', '.*')}$`
  )
