/**
 * Folding of floods. Above ten new alarms in ten minutes the wall groups by zone, first-out on top of each; an alarm that is worse than its
 * zone's first-out breaks through as a row of its own until it is acknowledged, and a new zone is a new group above the older ones. Nothing
 * is dropped: every alarm is counted in its group and can be unfolded.
 */
import type { Alarm } from '@/api/shapes'
import { alarmLook, needsAcknowledging, RANK, type SeverityName } from '@/looks/severity'

/** ISA-18.2: a flood begins with more than 10 in 10 minutes and is over below 5. */
export const FLOOD_BEGINS = 10
export const FLOOD_ENDS = 5
export const WINDOW_MS = 600_000
const NEW_ZONE_MS = 120_000
const FOLDS_FROM = 3

export interface ZoneRow {
  id: string
  type: 'zone'
  key: string
  site: Alarm['site']
  zone: Alarm['zone']
  severity: SeverityName
  kind: string
  total: number
  waiting: Alarm[]
  bySeverity: Record<SeverityName, number>
  firstOut: Alarm
  newest: Alarm
  isNew: boolean
  isOpen: boolean
}

export interface AlarmRow {
  id: string
  type: 'alarm'
  alarm: Alarm
  isInside: boolean
  breaksThrough: boolean
}

export type WallItem = ZoneRow | AlarmRow

/** How many alarms have asked for attention within the window. Instants of the API compare as text. */
export function recent(alarms: readonly Alarm[], nowMs: number): number {
  const since = new Date(nowMs - WINDOW_MS).toISOString()
  let n = 0
  for (const alarm of alarms) if (alarm.attention !== 'suppressed' && alarm.raised_at > since) n++
  return n
}

export function isFlood(was: boolean, arrivals: number): boolean {
  return was ? arrivals >= FLOOD_ENDS : arrivals > FLOOD_BEGINS
}

export const plain = (alarm: Alarm, isInside = false, breaksThrough = false): AlarmRow => ({ id: alarm.id, type: 'alarm', alarm, isInside, breaksThrough })

/** Alarms in their order as rows in groups; zones with one or two alarms stay as they are, in their place. */
export function fold(alarms: readonly Alarm[], open: ReadonlySet<string>, nowMs: number): WallItem[] {
  const groups = new Map<string, Alarm[]>()
  for (const alarm of alarms) {
    const key = `${alarm.site.id}/${alarm.zone.id}`
    const group = groups.get(key)
    if (group) group.push(alarm)
    else groups.set(key, [alarm])
  }
  const blocks: { rank: readonly [number, number, string]; rows: () => WallItem[] }[] = []
  for (const [key, members] of groups) {
    const zone = zoneRow(key, members, open.has(key), nowMs)
    const rank = [-RANK[zone.severity], zone.waiting.length ? 0 : 1, zone.firstOut.raised_at] as const
    if (members.length < FOLDS_FROM) {
      for (const alarm of members) {
        blocks.push({ rank: [-RANK[alarm.severity], needsAcknowledging(alarmLook(alarm)) ? 0 : 1, alarm.raised_at], rows: () => [plain(alarm)] })
      }
      continue
    }
    blocks.push({
      rank,
      rows: () => zone.isOpen
        ? [zone, ...members.map((alarm) => plain(alarm, true))]
        : [zone, ...breaking(members, zone.firstOut).map((alarm) => plain(alarm, true, true))],
    })
  }
  // the worst first, what waits first, and the newest zone above the older ones
  blocks.sort((a, b) => a.rank[0] - b.rank[0] || a.rank[1] - b.rank[1] || (a.rank[2] < b.rank[2] ? 1 : a.rank[2] > b.rank[2] ? -1 : 0))
  return blocks.flatMap((block) => block.rows())
}

function zoneRow(key: string, members: readonly Alarm[], isOpen: boolean, nowMs: number): ZoneRow {
  const bySeverity: Record<SeverityName, number> = { critical: 0, high: 0, low: 0, info: 0 }
  const waiting: Alarm[] = []
  let firstOut = members[0] as Alarm
  let newest = firstOut
  let worst = firstOut
  for (const alarm of members) {
    bySeverity[alarm.severity]++
    if (needsAcknowledging(alarmLook(alarm))) waiting.push(alarm)
    if (alarm.raised_at < firstOut.raised_at) firstOut = alarm
    if (alarm.raised_at > newest.raised_at) newest = alarm
    if (RANK[alarm.severity] > RANK[worst.severity]) worst = alarm
  }
  return {
    id: `zone:${key}`, type: 'zone', key, site: firstOut.site, zone: firstOut.zone, severity: worst.severity, kind: worst.kind, total: members.length, waiting, bySeverity, firstOut, newest,
    isNew: nowMs - Date.parse(firstOut.raised_at) < NEW_ZONE_MS, isOpen,
  }
}

/** Of each severity above the first-out's: the first alarm that still waits for a person. */
function breaking(members: readonly Alarm[], firstOut: Alarm): Alarm[] {
  const first = new Map<SeverityName, Alarm>()
  for (const alarm of members) {
    if (RANK[alarm.severity] <= RANK[firstOut.severity] || !needsAcknowledging(alarmLook(alarm))) continue
    const present = first.get(alarm.severity)
    if (!present || alarm.raised_at < present.raised_at) first.set(alarm.severity, alarm)
  }
  return [...first.values()].sort((a, b) => RANK[b.severity] - RANK[a.severity])
}
