/** The origin of the memberships that administrators make. */
export const ownOrigin = 'local'

/** What the memberships that a backend mirrors are known by: never as our own, whatever it is called. */
export const originOf = ({ id }: { readonly id: string }): string => (id === ownOrigin ? `${id} (mirrored)` : id)
