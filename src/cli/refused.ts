/** A command that can't be done, in words for who typed it: exit code 1. */
export class Refused extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'Refused'
  }
}

/** A command line that says too little, too much or nothing that can be meant: exit code 2. */
export class Misused extends Refused {
  constructor(message: string) {
    super(message)
    this.name = 'Misused'
  }
}

/** Of a command that changes what its options name. */
export const nothingNamed = 'name what is to be changed'
