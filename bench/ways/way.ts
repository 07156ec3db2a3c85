/** How somebody is authenticated, with nothing around it. Throws where that is refused. */
export type Way = (username: string, password: string) => Promise<{ readonly subject: string; readonly email: string }>
