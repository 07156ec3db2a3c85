/** A secret that authenticates a client, as it rests in the database. */
export interface StoredSecret {
  /** SHA-256, base64url: what Latchkey makes is as hard to guess as the digest. */
  readonly hash: string
  /** Epoch milliseconds. */
  readonly createdAt: number
  /** Epoch milliseconds; null: valid until it is replaced. */
  readonly expiresAt: number | null
}

/** A client of the database. */
export interface StoredClient {
  readonly id: string
  /** Everything but id and secrets, as the configuration would have it. */
  readonly definition: Readonly<Record<string, unknown>>
  /** The newest first. */
  readonly secrets: readonly StoredSecret[]
  /** Epoch milliseconds. */
  readonly createdAt: number
  /** Epoch milliseconds; another one after each change. */
  readonly updatedAt: number
}

/** The clients in the database. Throws `TemporarilyUnavailable` where it can't answer. */
export interface ClientStore {
  byId(id: string): Promise<StoredClient | undefined>
  /** All of them, by id. */
  all(): Promise<readonly StoredClient[]>
  create(client: StoredClient): Promise<'created' | 'taken'>
  /** By id; @param options.search a prefix of it; @param options.cursor the last id of the page before */
  list(options: { search: string; cursor: string; limit: number }): Promise<readonly StoredClient[]>
  /** Writes another definition and other secrets down; `undefined` where somebody changed the client since it was read. */
  replace(
    read: StoredClient,
    replacement: Pick<StoredClient, 'definition' | 'secrets'>,
    at: number
  ): Promise<StoredClient | undefined>
  /** Answers whether it was there, in the state of this `updatedAt` where one is given. */
  delete(id: string, updatedAt?: number): Promise<boolean>
}

/** Client assertions that were presented (RFC 7523 3, 7): each counts once, over all replicas. */
export interface UsedAssertions {
  /** Counts one; false where it was counted before. */
  use(id: string, expiresAt: number): Promise<boolean>
  /** Whether it was counted, and is not forgotten yet. */
  isUsed(id: string): Promise<boolean>
  /** Forgets up to `limit` of those that expired before `at`; answers how many. */
  forget(at: number, limit: number): Promise<number>
}
