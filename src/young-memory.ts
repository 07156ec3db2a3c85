import { setFlagsFromString } from 'node:v8'

/**
 * Has all objects begin among the young ones, whose collection costs what is alive and not what is dead. After the start the space
 * for them is small, so that most of what requests hold outlives a collection or two: V8 concludes that what is made at these
 * places of the code lives long, and would put it among the old from then on, each piece with half of its request behind it.
 */
export function beginYoung(): void {
  setFlagsFromString('--no-allocation-site-pretenuring')
}
