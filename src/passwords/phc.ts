/** The parameters of an argon2 hash, as its PHC string carries them. */
export interface Argon2Parameters {
  readonly algorithm: 'argon2i' | 'argon2d' | 'argon2id'
  /** KiB. */
  readonly memoryCost: number
  readonly timeCost: number
  readonly parallelism: number
}

/** Above this nobody who is not authenticated may make us compute: 128 MiB, ten passes, four lanes. */
export const ceiling = { memoryCost: 131_072, timeCost: 10, parallelism: 4 } as const

const base64 = '[A-Za-z0-9+/]'
const phc = new RegExp(
  `^\\$(argon2id|argon2i|argon2d)\\$v=19\\$m=(\\d{1,10}),t=(\\d{1,10}),p=(\\d{1,10})\\$${base64}{11,86}\\$${base64}{16,172}$`
)

/** Reads an argon2 PHC string, its parameters in the order `m,t,p` as libargon2 wants them; `undefined` for all else. */
export function parseArgon2(hash: string): Argon2Parameters | undefined {
  const [, algorithm, m, t, p] = phc.exec(hash) ?? []
  if (algorithm === undefined) return undefined
  return {
    algorithm: algorithm as Argon2Parameters['algorithm'],
    memoryCost: Number(m),
    timeCost: Number(t),
    parallelism: Number(p)
  }
}

/**
 * Whether verifying costs no more than the ceiling, and the parameters are ones that argon2 can have (RFC 9106 3.1).
 * @param lanes how many there may be: Django makes its hashes with eight
 */
export function isAffordable(
  { memoryCost, timeCost, parallelism }: Argon2Parameters,
  lanes: number = ceiling.parallelism
): boolean {
  const inRange = timeCost >= 1 && parallelism >= 1 && memoryCost >= 8 * parallelism
  return inRange && memoryCost <= ceiling.memoryCost && timeCost <= ceiling.timeCost && parallelism <= lanes
}
