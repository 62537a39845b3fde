/**
 * The open alarms of this desk in the order in which they are shown, kept sorted as they change: one insertion a change, no sorting of
 * 50,000 rows. Older news about an alarm (a smaller `seq`) is ignored, whichever way it came.
 */
import type { Alarm } from '@/api/shapes'
import { alarmLook, needsAcknowledging, RANK, type SeverityName } from '@/looks/severity'

export type Order = 'severity' | 'newest' | 'attention'
export type Rank = readonly number[]

/** Smaller is higher on the list. */
export function rankOf(alarm: Alarm, order: Order): Rank {
  const severity = -RANK[alarm.severity]
  const attention = needsAcknowledging(alarmLook(alarm)) ? 0 : 1
  const newest = -Date.parse(alarm.raised_at)
  if (order === 'newest') return [newest, severity]
  if (order === 'attention') return [attention, severity, newest]
  return [severity, attention, newest]
}

const MOST_ENDED = 20_000

interface Row {
  alarm: Alarm
  rank: Rank
}

function compare(a: Row, b: Row): number {
  for (let i = 0; i < a.rank.length; i++) {
    const difference = (a.rank[i] as number) - (b.rank[i] as number)
    if (difference) return difference
  }
  return a.alarm.id < b.alarm.id ? -1 : a.alarm.id > b.alarm.id ? 1 : 0
}

/** Alarms that call nobody (suppressed) are counted apart. */
export interface Counts {
  total: number
  unacknowledged: number
  suppressed: number
  bySeverity: Record<SeverityName, { total: number; unacknowledged: number }>
}

export class Board {
  private rows: Row[] = []
  private byId = new Map<string, Row>()
  /** With which `seq` alarms ended, the latest ones: older news that comes later must not open them again. */
  private ended = new Map<string, number>()

  constructor(private order: Order = 'severity') {}

  get size(): number {
    return this.rows.length
  }

  get(id: string): Alarm | undefined {
    return this.byId.get(id)?.alarm
  }

  list(): Alarm[] {
    return this.rows.map((row) => row.alarm)
  }

  replace(alarms: readonly Alarm[]): void {
    this.byId = new Map()
    for (const alarm of alarms) if (!alarm.ended_at) this.byId.set(alarm.id, { alarm, rank: rankOf(alarm, this.order) })
    this.rows = [...this.byId.values()].sort(compare)
  }

  reorder(order: Order): void {
    this.order = order
    this.replace(this.list())
  }

  /** What the alarm was before, `undefined` when it is new; `null`: the news was old and changes nothing. */
  apply(alarm: Alarm): Alarm | undefined | null {
    const present = this.byId.get(alarm.id)
    if ((present?.alarm.seq ?? this.ended.get(alarm.id) ?? 0) >= alarm.seq) return null
    if (present) this.rows.splice(this.place(present), 1)
    if (alarm.ended_at) {
      this.byId.delete(alarm.id)
      this.bury(alarm)
    } else {
      const row = { alarm, rank: rankOf(alarm, this.order) }
      this.byId.set(alarm.id, row)
      this.rows.splice(this.place(row), 0, row)
    }
    return present?.alarm
  }

  private bury(alarm: Alarm): void {
    this.ended.set(alarm.id, alarm.seq)
    if (this.ended.size > MOST_ENDED) this.ended.delete(this.ended.keys().next().value as string)
  }

  private place(row: Row): number {
    let low = 0
    let high = this.rows.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (compare(this.rows[middle] as Row, row) < 0) low = middle + 1
      else high = middle
    }
    return low
  }
}

export function countsOf(alarms: readonly Alarm[]): Counts {
  const counts: Counts = {
    total: 0,
    unacknowledged: 0,
    suppressed: 0,
    bySeverity: {
      critical: { total: 0, unacknowledged: 0 }, high: { total: 0, unacknowledged: 0 },
      low: { total: 0, unacknowledged: 0 }, info: { total: 0, unacknowledged: 0 },
    },
  }
  for (const alarm of alarms) {
    if (alarm.attention === 'suppressed') {
      counts.suppressed++
      continue
    }
    const slot = counts.bySeverity[alarm.severity]
    counts.total++
    slot.total++
    if (alarm.attention === 'unacknowledged') {
      slot.unacknowledged++
      counts.unacknowledged++
    }
  }
  return counts
}
