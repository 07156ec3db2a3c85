/** What is told of a piece of work: ids and words of ours. Never what somebody typed, never a secret, an address or a name. */
export type Facts = Readonly<Record<string, string | number | boolean>>

/** A piece of work whose time is taken: a span of OpenTelemetry. */
export interface Span {
  /** Runs a part of the work. Of an error that it throws no more is told than the class. */
  run<Result>(name: string, work: (part: Span) => Promise<Result>, facts?: Facts): Promise<Result>
  tell(facts: Facts): void
  /** W3C Trace Context, for requests to other services on behalf of this work. */
  readonly headers: Readonly<Record<string, string>>
}

/** What may be traced: without a span it is not. */
export interface Traced {
  readonly span?: Span | undefined
}

/** A request of a caller of ours, which ends when it is answered. */
export interface RequestSpan extends Span {
  /** In hexadecimal digits, as the log has them. */
  readonly traceId: string
  readonly spanId: string
  /**
   * The first time counts.
   * @param status what it was answered with; absent: nobody waited for the answer
   */
  end(route: string | undefined, status: number | undefined): void
}

/** Takes the times of requests. */
export interface Tracer {
  /** @param headers of the request, where its caller's own trace stands (W3C Trace Context) */
  begin(method: string, headers: Readonly<Record<string, string | string[] | undefined>>): RequestSpan
}

/** Runs a part of something that may be traced; where it is not, this is a call of the work and nothing else. */
export function traced<Context extends Traced, Result>(
  context: Context,
  name: string,
  work: (context: Context) => Promise<Result>,
  facts?: () => Facts
): Promise<Result> {
  const { span } = context
  if (span === undefined) return work(context)
  return span.run(name, (part) => work({ ...context, span: part }), facts?.())
}
