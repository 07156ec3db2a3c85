/** Values that no password, name or token may be, whatever the types promise. */
export function odd(text: string): Record<string, string> {
  const wrongTypes: Record<string, unknown> = {
    undefined: undefined,
    null: null,
    'a number': 1,
    'an object': { toString: () => text },
    'an array': [text],
    'a buffer': Buffer.from(text)
  }
  return {
    nothing: '',
    'a NUL': '\u0000',
    'a NUL and more': `\u0000${text}`,
    'something very long': text.repeat(Math.ceil(1_000_000 / text.length)),
    ...(wrongTypes as Record<string, string>)
  }
}
