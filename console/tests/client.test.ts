// The door to the service: keys and tokens on what acts, problems read whatever comes back, and acts repeated after signing in again.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { client, door, take } from '@/api/client'
import { Problem, problemOf } from '@/api/problem'

const json = (status: number, body: unknown): Response => new Response(JSON.stringify(body), { status, headers: { 'Content-Type': 'application/problem+json' } })
const acknowledge = (): Promise<unknown> => take(client.POST('/api/v1/alarms/{alarm_id}/acknowledge', { params: { path: { alarm_id: 'a1' } }, body: { note: 'seen' } }))

describe('client', () => {
  const sent: { method: string; headers: Headers; body: string }[] = []
  let answers: Response[] = []

  beforeEach(() => {
    sent.length = 0
    vi.stubGlobal('fetch', async (request: Request) => {
      sent.push({ method: request.method, headers: request.headers, body: await request.text() })
      const answer = answers.shift()
      if (!answer) throw new TypeError('unreachable')
      return answer
    })
    door.csrf = 'token-1'
    door.signInAgain = door.renew = null
  })
  afterEach(() => vi.unstubAllGlobals())

  it('gives each act a key and the token', async () => {
    answers = [json(200, { id: 'a1' }), json(200, { id: 'a1' })]
    await acknowledge()
    await acknowledge()
    expect(sent[0]?.headers.get('X-CSRF-Token')).toBe('token-1')
    expect(sent[0]?.headers.get('Idempotency-Key')).toMatch(/^[0-9a-f]{32}$/)
    expect(sent[0]?.headers.get('Idempotency-Key')).not.toBe(sent[1]?.headers.get('Idempotency-Key'))
  })

  it('repeats the same act, with the same key, after signing in again', async () => {
    answers = [json(401, { type: 'urn:sitewarden:problem:not-signed-in', title: 'Sign in first' }), json(200, { id: 'a1' })]
    const why: string[] = []
    door.signInAgain = (reason) => {
      why.push(reason)
      door.csrf = 'token-2'
      return Promise.resolve(true)
    }
    await acknowledge()
    expect(why).toEqual(['expired'])
    expect(sent.map((s) => s.body)).toEqual(['{"note":"seen"}', '{"note":"seen"}'])
    expect(sent[1]?.headers.get('Idempotency-Key')).toBe(sent[0]?.headers.get('Idempotency-Key'))
    expect(sent[1]?.headers.get('X-CSRF-Token')).toBe('token-2')
  })

  it('asks for the password where it is wanted again, and gives the refusal when it is not given', async () => {
    answers = [json(403, { type: 'urn:sitewarden:problem:reauth-required', title: 'The password is needed again', detail: 'more than 10 minutes ago' })]
    const why: string[] = []
    door.signInAgain = (reason) => Promise.resolve(why.push(reason) < 0)
    await expect(acknowledge()).rejects.toMatchObject({ status: 403, detail: 'more than 10 minutes ago' })
    expect(why).toEqual(['stale'])
    expect(sent).toHaveLength(1)
  })

  it('reads any refusal: a problem, fields, a proxy’s page, nothing at all, nobody there', async () => {
    answers = [json(422, { title: 'Not valid', detail: '/limit: too high', errors: [{ pointer: '/limit', detail: 'too high' }] })]
    await expect(acknowledge()).rejects.toMatchObject({ title: 'Not valid', fields: [{ pointer: '/limit', detail: 'too high' }] })
    answers = [new Response('<html>Bad Gateway</html>', { status: 502 })]
    await expect(acknowledge()).rejects.toMatchObject({ status: 502, title: 'HTTP 502' })
    await expect(acknowledge()).rejects.toSatisfy((error) => error instanceof Problem && error.isUnreachable)
    expect(problemOf(500, undefined).title).toBe('HTTP 500')
  })
})
