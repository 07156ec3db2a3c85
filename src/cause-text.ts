/** The cause of an error in words, to stand behind its message; empty where that says it already. Never a statement's values. */
export function causeText({ message, cause }: Error): string {
  const text = cause instanceof Error ? cause.message : typeof cause === 'string' ? cause : ''
  return text === '' || message.endsWith(text) ? '' : `: ${text.split('\nparams:')[0]}`
}
