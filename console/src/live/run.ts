/** One run with its circuits as it goes: read once, then moved by the live stream; read again when it ends, and now and then while the
 * stream may be lost. */
import { computed, onBeforeUnmount, ref, shallowRef, watch, type Ref } from 'vue'
import { client, take } from '@/api/client'
import { asProblem, type Problem } from '@/api/problem'
import type { Fact, Run, RunDetail, RunItem } from '@/api/shapes'
import { listen } from './desk'

const LIVE: ReadonlySet<Run['state']> = new Set(['countdown', 'running', 'retrying'])
const REDRAW_MS = 150
const AGAIN_MS = 10_000

/** Fields that a fact tells and the run's own shape has too; persons stand in it as ids only, so those are left as read. */
const RUN_FIELDS = ['state', 'stage', 'round', 'counts', 'before_w', 'starts_at', 'ended_at', 'note', 'note_zh', 'asks_until_at'] as const

export function patched(run: RunDetail, fact: Fact): RunDetail {
  const body = fact.body as Record<string, unknown>
  const told: Record<string, unknown> = {}
  for (const name of RUN_FIELDS) if (name in body) told[name === 'asks_until_at' ? 'asks_until' : name] = body[name]
  const state = body.state as Run['state']
  return { ...run, ...told, asks_until: (body.asks_until_at as string | null | undefined) ?? null, is_live: LIVE.has(state), is_asking: state === 'missed' || state === 'interrupted' }
}

export function patchedItem(before: RunItem | undefined, fact: Fact): RunItem {
  const body = fact.body as unknown as RunItem
  const took = body.ordered_at && body.ended_at ? Date.parse(body.ended_at) - Date.parse(body.ordered_at) : null
  return { ...before, ...body, took_ms: took }
}

export function useRun(id: Ref<string | null>) {
  const run = shallowRef<RunDetail | null>(null)
  const items = shallowRef<RunItem[]>([])
  const problem = ref<Problem | null>(null)
  const byCircuit = new Map<string, RunItem>()
  let redraw: ReturnType<typeof setTimeout> | null = null

  function drawSoon(): void {
    redraw ??= setTimeout(() => {
      redraw = null
      items.value = [...byCircuit.values()]
    }, REDRAW_MS)
  }

  async function load(): Promise<void> {
    const wanted = id.value
    if (!wanted) return
    try {
      const got = await take(client.GET('/api/v1/runs/{run_id}', { params: { path: { run_id: wanted } } }))
      if (wanted !== id.value) return
      run.value = got
      byCircuit.clear()
      for (const item of got.items) byCircuit.set(item.circuit_id, item)
      items.value = got.items
      problem.value = null
    } catch (error) {
      if (wanted === id.value) problem.value = asProblem(error)
    }
  }

  const end = listen('fact', (fact) => {
    if (!id.value) return
    if (fact.kind === 'run' && fact.id === id.value && run.value) {
      run.value = patched(run.value, fact)
      if (fact.is_over) setTimeout(() => void load(), 800) // names and what the records have
    } else if (fact.kind === 'run_item' && fact.subject === `run:${id.value}`) {
      const body = fact.body as unknown as RunItem
      byCircuit.set(body.circuit_id, patchedItem(byCircuit.get(body.circuit_id), fact))
      drawSoon()
    }
  })
  const timer = setInterval(() => {
    if (run.value?.is_live) void load()
  }, AGAIN_MS)
  watch(id, () => {
    run.value = null
    items.value = []
    byCircuit.clear()
    void load()
  }, { immediate: true })
  onBeforeUnmount(() => {
    end()
    clearInterval(timer)
    if (redraw) clearTimeout(redraw)
  })
  return { run: computed(() => run.value), items, problem, load }
}
