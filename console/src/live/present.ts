/** What the points of open alarms measure now: the stream tells changes of alarms only, so the most severe of the list are asked for again. */
import { onBeforeUnmount, onMounted, shallowRef } from 'vue'
import { client, take } from '@/api/client'
import { alarms } from './desk'

export interface Present {
  value: number
  at: string
}

export const present = shallowRef(new Map<string, Present>())
const EVERY_MS = 5_000
/** A service with so many open alarms has better things to do than to sort them for us all the time. */
const MANY = 2_000
const SELDOM = 6

/** Keeps `present` fresh while the page that calls this is shown. */
export function usePresent(): void {
  let turn = 0
  async function read(): Promise<void> {
    if (!alarms.value.length || document.hidden) return
    if (alarms.value.length > MANY && turn++ % SELDOM) return
    const page = await take(client.GET('/api/v1/alarms', { params: { query: { state: 'open', limit: 200 } } })).catch(() => null)
    if (!page) return
    present.value = new Map(page.items.flatMap((a) => (a.value_now == null || !a.value_now_at ? [] : [[a.id, { value: a.value_now, at: a.value_now_at }] as const])))
  }
  const timer = setInterval(() => void read(), EVERY_MS)
  onMounted(() => void read())
  onBeforeUnmount(() => clearInterval(timer))
}
