/** RFC 9457 problems as one error type, so that every page shows the same thing: what was refused, why, and which field. */

export interface FieldError {
  pointer: string
  detail: string
}

export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail: string,
    readonly type = 'about:blank',
    readonly fields: FieldError[] = [],
  ) {
    super(detail ? `${title}: ${detail}` : title)
  }

  /** The service was not reached at all: nothing is known about what was asked. */
  get isUnreachable(): boolean {
    return this.status === 0
  }
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '')

/** The page's language; read from the page, since the texts import this file's users. */
const isChinese = (): boolean => typeof document !== 'undefined' && document.documentElement.lang.startsWith('zh')

/** Reads whatever came back; a proxy's HTML page or an empty body still gives a usable problem. */
export function problemOf(status: number, body: unknown): Problem {
  const record = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>
  const errors = Array.isArray(record.errors) ? (record.errors as Record<string, unknown>[]) : []
  const fields = errors.map((e) => ({ pointer: text(e.pointer) || text(e.loc) || text(e.parameter), detail: (isChinese() && text(e.detail_zh)) || text(e.detail) || text(e.msg) || text(e.message) }))
  return new Problem(status, text(record.title) || `HTTP ${status}`, text(record.detail), text(record.type) || undefined, fields)
}

export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error
  return new Problem(0, 'unreachable', error instanceof Error ? error.message : String(error))
}
