/**
 * The live stream: server-sent events read through `fetch`, because `EventSource` hides what an operator must be able to trust: the
 * heartbeats, the status of a refusal and the server's clock. It reconnects by itself, resumes by `Last-Event-ID`, and calls a stream
 * lost when nothing at all was heard for `SILENCE_MS`.
 */

export type StreamState = 'connecting' | 'live' | 'lost' | 'signed_out'

export interface StreamEvent {
  id: string
  kind: string
  text: string
}

export interface StreamListener {
  /** Called at once for each event, in order. */
  event(event: StreamEvent): void
  /** Anything was heard, also a heartbeat. */
  heard(): void
  state(state: StreamState): void
  /** Server time minus ours, from the response's `Date` (to a second). */
  clock(offsetMs: number): void
}

/** The server's heartbeat is every 10 s: two missed ones and a margin. */
export const SILENCE_MS = 25_000
const BACKOFF_MS = [500, 1_000, 2_000, 4_000, 8_000]

/** Cuts a stream of text into events. Lines end with LF or CR LF; pieces of a long line are joined once, when it is complete. */
export class EventCutter {
  private pieces: string[] = []
  private kind = ''
  private id = ''
  private lines: string[] = []

  push(text: string): StreamEvent[] {
    const events: StreamEvent[] = []
    let from = 0
    for (;;) {
      const end = text.indexOf('\n', from)
      if (end < 0) break
      this.pieces.push(text.slice(from, end))
      const line = this.pieces.join('')
      this.pieces = []
      from = end + 1
      const event = this.line(line.endsWith('\r') ? line.slice(0, -1) : line)
      if (event) events.push(event)
    }
    if (from < text.length) this.pieces.push(text.slice(from))
    return events
  }

  private line(line: string): StreamEvent | null {
    if (line === '') {
      const event = this.lines.length ? { id: this.id, kind: this.kind || 'message', text: this.lines.join('\n') } : null
      this.kind = ''
      this.lines = []
      return event
    }
    if (line.startsWith(':')) return null
    const colon = line.indexOf(':')
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + (line[colon + 1] === ' ' ? 2 : 1))
    if (field === 'data') this.lines.push(value)
    else if (field === 'event') this.kind = value
    else if (field === 'id') this.id = value
    return null
  }
}

export interface Stream {
  close(): void
  /** Try again now: after signing in, or on the operator's click. */
  retry(): void
}

/** Opens the stream and keeps it open until `close`. */
export function openStream(url: string, listener: StreamListener, fetcher: typeof fetch = (...args) => fetch(...args)): Stream {
  let lastId = ''
  let closed = false
  let attempt = 0
  let heardAt = 0
  let abort: AbortController | null = null
  let wake: (() => void) | null = null

  const heard = (): void => {
    heardAt = Date.now()
    listener.heard()
  }
  const watchdog = setInterval(() => {
    if (abort && heardAt && Date.now() - heardAt > SILENCE_MS) abort.abort()
  }, 1_000)

  /** One connection until it ends. True: signed out. */
  async function connect(): Promise<boolean> {
    abort = new AbortController()
    heardAt = Date.now()
    const headers: Record<string, string> = { Accept: 'text/event-stream' }
    if (lastId) headers['Last-Event-ID'] = lastId
    const answer = await fetcher(url, { headers, signal: abort.signal, credentials: 'same-origin', cache: 'no-store' })
    if (answer.status === 401 || answer.status === 403) return true
    if (!answer.ok || !answer.body) throw new Error(`stream refused: ${answer.status}`)
    const date = Date.parse(answer.headers.get('Date') ?? '')
    if (Number.isFinite(date)) listener.clock(date + 500 - Date.now())
    attempt = 0
    heard()
    listener.state('live')
    const cutter = new EventCutter()
    const decoder = new TextDecoder()
    const reader = answer.body.getReader()
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return false
      heard()
      for (const event of cutter.push(decoder.decode(value, { stream: true }))) {
        if (event.id) lastId = event.id
        listener.event(event)
      }
    }
  }

  async function run(): Promise<void> {
    listener.state('connecting')
    while (!closed) {
      let signedOut = false
      try {
        signedOut = await connect()
      } catch {
        // unreachable, refused or silent: all the same to the operator
      }
      abort = null
      if (closed) return
      listener.state(signedOut ? 'signed_out' : 'lost')
      const wait = BACKOFF_MS[Math.min(attempt++, BACKOFF_MS.length - 1)] ?? 8_000
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, signedOut ? 15_000 : wait)
        wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }

  void run()
  return {
    close() {
      closed = true
      clearInterval(watchdog)
      abort?.abort()
      wake?.()
    },
    retry() {
      attempt = 0
      wake?.()
    },
  }
}
