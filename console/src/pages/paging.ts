/** A list read page by page with a cursor; a change of the filter starts anew, and a late answer to an old filter is dropped. */
import { ref, shallowRef, type Ref, type ShallowRef } from 'vue'
import { asProblem, type Problem } from '@/api/problem'

export interface Paging<T> {
  items: ShallowRef<T[]>
  problem: Ref<Problem | null>
  isLoading: Ref<boolean>
  hasMore: Ref<boolean>
  start(): Promise<void>
  more(): Promise<void>
}

export function usePaging<T>(page: (cursor: string | undefined) => Promise<{ items: T[]; next_cursor: string | null }>): Paging<T> {
  const items = shallowRef<T[]>([])
  const problem = ref<Problem | null>(null)
  const isLoading = ref(false)
  const hasMore = ref(false)
  let cursor: string | undefined
  let turn = 0

  async function read(fresh: boolean): Promise<void> {
    const mine = ++turn
    isLoading.value = true
    try {
      const got = await page(fresh ? undefined : cursor)
      if (mine !== turn) return
      items.value = fresh ? got.items : [...items.value, ...got.items]
      cursor = got.next_cursor ?? undefined
      hasMore.value = Boolean(cursor)
      problem.value = null
    } catch (error) {
      if (mine === turn) problem.value = asProblem(error)
    } finally {
      if (mine === turn) isLoading.value = false
    }
  }

  return { items, problem, isLoading, hasMore, start: () => read(true), more: () => read(false) }
}
