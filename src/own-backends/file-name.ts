/** Whether the type of a backend is a file's name rather than a word. */
export const isFileName = (type: string): boolean => /^(\.{1,2}\/|\/)/.test(type)
