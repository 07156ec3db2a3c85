/** What is stored with us for somebody: the names of groups, whoever put them there, and what was granted directly; sorted. */
export interface Holdings {
  readonly groups: readonly string[]
  readonly permissions: readonly string[]
}

/** The holdings of many at once, in two statements. */
export interface UserHoldings {
  of(userIds: readonly string[]): Promise<ReadonlyMap<string, Holdings>>
}
