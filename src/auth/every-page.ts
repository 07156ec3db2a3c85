import type { Page } from './group-store.ts'

/** Where a list goes on; at first it has no cursor. */
export interface From {
  readonly cursor?: string
}

/** The items of a whole list, page by page; the next page is read once the one before is done with. */
export async function* everyPage<Item>(read: (from: From) => Promise<Page<Item>>): AsyncGenerator<readonly Item[]> {
  let from: From | undefined = {}
  while (from !== undefined) {
    const { items, next }: Page<Item> = await read(from)
    yield items
    from = next === null ? undefined : { cursor: next }
  }
}
