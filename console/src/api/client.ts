/**
 * The one door to the service. Adds the CSRF token and, on every POST, an idempotency key; when the session has expired it has the
 * person sign in again over the page and then repeats the request, so that nothing typed is lost.
 */
import createClient from 'openapi-fetch'
import { asProblem, Problem, problemOf } from './problem'
import type { paths } from './types'

export const API = '/api/v1'
const TIMEOUT_MS = 20_000

interface Door {
  csrf: string
  /** Has the person sign in again (`expired`) or give the password again (`stale`). False: they would not. */
  signInAgain: ((why: 'expired' | 'stale') => Promise<boolean>) | null
  /** Reads the session's token anew. False: there is no session. */
  renew: (() => Promise<boolean>) | null
}

export const door: Door = { csrf: '', signInAgain: null, renew: null }

/** A key for one intended act. Kept by the caller for as long as the same act is tried. */
export function actKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16)) // randomUUID is missing on plain http
  return Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('')
}

function signed(request: Request): Request {
  const headers = new Headers(request.headers)
  if (request.method !== 'GET' && door.csrf) headers.set('X-CSRF-Token', door.csrf)
  return new Request(request, { headers, credentials: 'same-origin', cache: 'no-store', signal: AbortSignal.timeout(TIMEOUT_MS) })
}

type Cure = 'expired' | 'stale' | 'csrf'

/** Why a refusal can be cured and the request asked again, or null. */
async function curable(request: Request, answer: Response): Promise<Cure | null> {
  if (request.url.includes('/auth/')) return null
  if (answer.status === 401) return 'expired'
  if (answer.status !== 403) return null
  const body = (await answer.clone().json().catch(() => null)) as { type?: string } | null
  if (body?.type?.endsWith(':reauth-required')) return 'stale'
  return body?.type?.endsWith(':csrf') ? 'csrf' : null // signed in again in another window
}

async function send(request: Request): Promise<Response> {
  if (request.method === 'POST' && !request.headers.has('Idempotency-Key')) request.headers.set('Idempotency-Key', actKey())
  const again = request.clone()
  const answer = await fetch(signed(request))
  const why = await curable(request, answer)
  if (!why) return answer
  const isCured = why === 'csrf' ? door.renew && (await door.renew()) : door.signInAgain && (await door.signInAgain(why))
  return isCured ? fetch(signed(again)) : answer
}

export const client = createClient<paths>({ baseUrl: location.origin, fetch: send })

/** The answer's body, or a thrown `Problem`. */
export async function take<T>(answer: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  let got: { data?: T; error?: unknown; response: Response }
  try {
    got = await answer
  } catch (error) {
    throw asProblem(error)
  }
  if (!got.response.ok) throw problemOf(got.response.status, got.error)
  if (got.data === undefined && got.response.status !== 204) throw new Problem(got.response.status, 'empty answer', '')
  return got.data as T
}
