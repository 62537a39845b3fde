// The live stream: cut into events however it arrives in pieces, resumed, and called lost when nothing is heard.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { EventCutter, openStream, SILENCE_MS, type Stream, type StreamEvent, type StreamState } from '@/live/stream'

const TEXT = 'retry: 1000\n\nid: 5\nevent: alarm\ndata: {"a":\ndata: 1}\n\n: still here\n\nid: 6\r\nevent: order\r\ndata: {}\r\n\r\n'

describe('event cutter', () => {
  it('gives the same events for every way of cutting the text', () => {
    const whole = new EventCutter().push(TEXT)
    expect(whole).toEqual([{ id: '5', kind: 'alarm', text: '{"a":\n1}' }, { id: '6', kind: 'order', text: '{}' }])
    for (let size = 1; size < 20; size++) {
      const cutter = new EventCutter()
      const events: StreamEvent[] = []
      for (let i = 0; i < TEXT.length; i += size) events.push(...cutter.push(TEXT.slice(i, i + size)))
      expect(events, `pieces of ${size}`).toEqual(whole)
    }
  })

  it('is not slowed by one event of many megabytes', () => {
    const cutter = new EventCutter()
    const piece = 'x'.repeat(65_536)
    const started = performance.now()
    cutter.push('data: ')
    for (let i = 0; i < 400; i++) expect(cutter.push(piece)).toEqual([])
    expect(cutter.push('\n\n')[0]?.text.length).toBe(400 * 65_536)
    expect(performance.now() - started).toBeLessThan(2_000)
  })
})

describe('stream', () => {
  let stream: Stream | null = null
  const states: StreamState[] = []
  const events: StreamEvent[] = []
  const asked: Headers[] = []
  let answers: (() => Response)[] = []
  let open: ReadableStreamDefaultController<Uint8Array> | null = null

  const listening = (): Response => new Response(new ReadableStream<Uint8Array>({ start: (controller) => void (open = controller) }), { status: 200 })
  const say = (text: string): void => open?.enqueue(new TextEncoder().encode(text))
  const fetcher = ((_url: string, init: RequestInit) => {
    asked.push(new Headers(init.headers))
    const next = answers.shift()
    if (!next) return Promise.reject(new TypeError('unreachable'))
    const answer = next()
    init.signal?.addEventListener('abort', () => open?.error(new Error('aborted')))
    return Promise.resolve(answer)
  }) as typeof fetch

  const start = (): void => {
    stream = openStream('/live', { event: (e) => events.push(e), heard: () => undefined, state: (s) => states.push(s), clock: () => undefined }, fetcher)
  }

  beforeEach(() => {
    vi.useFakeTimers()
    states.length = events.length = asked.length = 0
    answers = []
  })
  afterEach(() => {
    stream?.close()
    vi.useRealTimers()
  })

  it('is live, tells of its loss at once, and comes back after the last event it heard', async () => {
    answers = [listening, listening]
    start()
    await vi.advanceTimersByTimeAsync(10)
    say('id: 41\nevent: alarm\ndata: {}\n\n')
    await vi.advanceTimersByTimeAsync(10)
    open?.close()
    await vi.advanceTimersByTimeAsync(10)
    expect(states).toEqual(['connecting', 'live', 'lost'])
    await vi.advanceTimersByTimeAsync(600)
    expect(states.at(-1)).toBe('live')
    expect(asked.map((h) => h.get('Last-Event-ID'))).toEqual([null, '41'])
    expect(events.map((e) => e.id)).toEqual(['41'])
  })

  it('counts heartbeats as life, and silence as loss', async () => {
    answers = [listening]
    start()
    for (let i = 0; i < 6; i++) {
      await vi.advanceTimersByTimeAsync(10_000)
      say(': still here\n\n')
    }
    expect(states).toEqual(['connecting', 'live'])
    await vi.advanceTimersByTimeAsync(SILENCE_MS + 2_000)
    expect(states).toContain('lost')
  })

  it('says signed out, not lost, when the session has ended, and goes on after signing in', async () => {
    answers = [() => new Response('', { status: 401 }), listening]
    start()
    await vi.advanceTimersByTimeAsync(10)
    expect(states).toEqual(['connecting', 'signed_out'])
    stream?.retry()
    await vi.advanceTimersByTimeAsync(10)
    expect(states.at(-1)).toBe('live')
  })
})
