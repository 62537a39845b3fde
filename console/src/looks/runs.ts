/** How runs and their circuits read. Green means proved by measurement; nothing else does, and what is not heard is never shown as off. */
import type { CircuitSeen, Run, RunItem } from '@/api/shapes'
import { contradicts, isOff, type Tone } from './orders'

const ITEM: Record<RunItem['state'], Tone> = {
  waiting: 'grey', ordered: 'blue', proved: 'green', unproved: 'amber', failed: 'red', left_on: 'grey', would_cut: 'blue', dropped: 'grey', already_off: 'grey', simulated: 'amber',
}
const RUN: Record<Run['state'], Tone> = {
  countdown: 'amber', running: 'blue', retrying: 'blue', done: 'grey', aborted: 'amber', missed: 'red', interrupted: 'red', declined: 'amber', observed: 'grey', skipped: 'grey',
}
/** What needs somebody comes first. */
const RANK: Record<RunItem['state'], number> = { failed: 0, unproved: 1, ordered: 2, simulated: 3, waiting: 4, would_cut: 5, dropped: 6, proved: 7, already_off: 8, left_on: 9 }
export const ITEM_STATES = (Object.keys(RANK) as RunItem['state'][]).sort((a, b) => RANK[a] - RANK[b])
/** What a run was to cut: its circuits without those that it left alone. */
export const NOT_CUT: ReadonlySet<RunItem['state']> = new Set(['left_on', 'already_off'])

export const itemTone = (state: RunItem['state']): Tone => ITEM[state]
export const runTone = (state: Run['state']): Tone => RUN[state]

export function byNeed(a: RunItem, b: RunItem): number {
  return RANK[a.state] - RANK[b.state] || a.tenant.localeCompare(b.tenant) || a.panel.localeCompare(b.panel) || a.circuit_name.localeCompare(b.circuit_name)
}

export type Seen = 'on' | 'off' | 'says_open' | 'contradicts' | 'unheard'
export const SEEN: readonly Seen[] = ['on', 'off', 'says_open', 'contradicts', 'unheard']

/** What is known of a circuit now. */
export function seenAs(circuit: Pick<CircuitSeen, 'measured'>): Seen {
  if (circuit.measured.closed == null) return 'unheard'
  if (circuit.measured.closed) return 'on'
  if (contradicts(circuit)) return 'contradicts'
  return isOff(circuit) ? 'off' : 'says_open'
}

export interface Tally {
  count: number
  watts: number
  on: number
  off: number
  says_open: number
  contradicts: number
  unheard: number
}

export function tallyOf(circuits: readonly CircuitSeen[]): Tally {
  const tally: Tally = { count: circuits.length, watts: 0, on: 0, off: 0, says_open: 0, contradicts: 0, unheard: 0 }
  for (const circuit of circuits) {
    tally[seenAs(circuit)]++
    tally.watts += circuit.measured.power_w ?? 0
  }
  return tally
}

/** Power for a sum: kilowatts from one kilowatt up. */
export function power(watts: number | null | undefined): string {
  if (watts == null) return '–'
  return watts >= 1000 ? `${(watts / 1000).toFixed(watts >= 100_000 ? 0 : 1)} kW` : `${Math.round(watts)} W`
}

interface Reasoned {
  code: string
  reason: string
  reason_zh: string
  circuit_name: string
}

export interface ReasonGroup<T> {
  key: string
  code: string
  reason: string
  reason_zh: string
  items: T[]
}

/** Items that share a reason, the most frequent first. Reasons that differ only in the circuit's name or in a number are one, told without
 * the name. */
export function byReason<T extends Reasoned>(items: readonly T[]): ReasonGroup<T>[] {
  const groups = new Map<string, ReasonGroup<T>>()
  for (const item of items) {
    const reason = without(item.reason, item.circuit_name)
    const key = `${item.code}:${reason.replace(/\d+/g, '#')}`
    const group = groups.get(key)
    if (group) {
      group.items.push(item)
      group.reason = reason
      group.reason_zh = without(item.reason_zh, item.circuit_name)
    } else groups.set(key, { key, code: item.code, reason: item.reason, reason_zh: item.reason_zh, items: [item] })
  }
  return [...groups.values()].sort((a, b) => b.items.length - a.items.length)
}

function without(text: string, name: string): string {
  return name ? text.split(name).join('').trim() : text
}
