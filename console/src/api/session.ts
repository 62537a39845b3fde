/**
 * Who is signed in at this desk. An expired session does not clear the page: `overlay` asks for the password over it when, and only when,
 * something is to be done.
 */
import { reactive, ref } from 'vue'
import { client, door, take } from './client'
import { Problem } from './problem'
import type { Me } from './shapes'

export const me = ref<Me | null>(null)
export const overlay = reactive<{ why: 'expired' | 'stale' | null }>({ why: null })

let waiting: ((signedIn: boolean) => void)[] = []

function keep(next: Me): Me {
  me.value = next
  door.csrf = next.csrf
  return next
}

/** The session of the cookie, or null when nobody is signed in. */
export async function whoAmI(): Promise<Me | null> {
  const quiet = door.signInAgain
  door.signInAgain = null
  try {
    return keep(await take(client.GET('/api/v1/me')))
  } catch (error) {
    if (error instanceof Problem && error.status === 401) return null
    throw error
  } finally {
    door.signInAgain = quiet
  }
}

export async function signIn(login: string, password: string): Promise<Me> {
  return keep(await take(client.POST('/api/v1/auth/login', { body: { login, password } })))
}

/** Gives the password of the present person again, for an act that asks for it. */
export async function prove(password: string): Promise<void> {
  keep(await take(client.POST('/api/v1/auth/reauth', { body: { password } })))
}

export async function signOut(): Promise<void> {
  await client.POST('/api/v1/auth/logout').catch(() => undefined)
  me.value = null
  door.csrf = ''
}

export function closeOverlay(signedIn: boolean): void {
  overlay.why = null
  const resolved = waiting
  waiting = []
  for (const resolve of resolved) resolve(signedIn)
}

export function askAgain(why: 'expired' | 'stale'): Promise<boolean> {
  overlay.why = why
  return new Promise((resolve) => waiting.push(resolve))
}

door.signInAgain = askAgain
door.renew = async () => (await whoAmI()) !== null

/** May this act be done at this site? Without a site: anywhere at all. The service decides again; this only hides what would be refused. */
export function may(act: string, siteId?: string | null): boolean {
  const sites = me.value?.acts[act]
  if (sites === undefined) return false
  if (sites === null) return true
  return siteId ? sites.includes(siteId) : sites.length > 0
}
