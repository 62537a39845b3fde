/** The standing facts of one kind at one site, live; a body is what the service's section tells (times as ISO 8601). */
import { computed, ref, type ComputedRef, type Ref } from 'vue'
import { client, take } from '@/api/client'
import { asProblem, type Problem } from '@/api/problem'
import type { CircuitSeen, Fact } from '@/api/shapes'
import { all } from '@/api/places'
import { facts } from '@/live/desk'

export interface StayOnBody {
  tenant: string
  reason: string
  asked_by: string
  phone: string
  channel: string
  note: string
}
export interface LockBody {
  circuit_id: string
  circuit_name: string
  purpose: string
  who: string
  number: string
  reason: string
  at_at?: string
}
export interface GasBody {
  at_at?: string
  place: string
  combustible_vol: number
  lel_vol: number
  o2_vol: number
  passed: boolean
}
export interface PermitBody {
  zone_id: string
  kind: string
  level: string
  title: string
  content: string
  worker: string
  contractor: string
  guardian: string
  guardian_name: string
  guardian_phone: string
  suspended_by: string
  tests: GasBody[]
  signed: { step: string; who: string; at_at?: string; content: string }[]
}
export interface MorningBody {
  run_id: string | null
  reason: string
  counts: Record<string, number>
}
export interface PartBody {
  circuit_id: string
  circuit_name: string
  tenant: string
  panel: string
  state: string
  reason: string
  reason_zh: string
  confirmed_by: string
}

export const body = <T>(fact: Fact): T => fact.body as unknown as T

export function standing(kind: string, site: Readonly<Ref<string>>): ComputedRef<Fact[]> {
  return computed(() => [...facts.value.values()].filter((fact) => fact.kind === kind && fact.site_id === site.value).sort((a, b) => b.changed_at.localeCompare(a.changed_at)))
}

export function circuitsOf(site: string): Promise<CircuitSeen[]> {
  return all((cursor) => take(client.GET('/api/v1/circuits', { params: { query: { site, cursor, limit: 500 } } })))
}

/** One request at a time with its refusal kept for the page. */
export function useAct() {
  const problem = ref<Problem | null>(null)
  const isSending = ref(false)
  async function act(send: () => Promise<unknown>): Promise<boolean> {
    isSending.value = true
    problem.value = null
    try {
      await send()
      return true
    } catch (error) {
      problem.value = asProblem(error)
      return false
    } finally {
      isSending.value = false
    }
  }
  return { problem, isSending, act }
}
