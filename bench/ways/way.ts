/** How somebody is authenticated, with nothing around it. Throws where that is refused. */
export type Way = (
  form: Readonly<Record<string, string>>
) => Promise<{ readonly subject: string; readonly email: string }>
