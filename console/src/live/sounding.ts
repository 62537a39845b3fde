/**
 * What this desk should be sounding. Silencing (消音) acknowledges nothing: it only remembers which alarms were silenced and at which
 * severity, so that a new alarm, or a silenced one that rises, sounds again.
 */
import type { Alarm } from '@/api/shapes'
import { alarmLook, needsAcknowledging, RANK } from '@/looks/severity'
import type { Pattern } from './siren'

export class Silenced {
  private ranks = new Map<string, number>()

  silence(alarms: Iterable<Alarm>): void {
    for (const alarm of alarms) if (needsAcknowledging(alarmLook(alarm))) this.ranks.set(alarm.id, RANK[alarm.severity])
  }

  covers(alarm: Alarm): boolean {
    return (this.ranks.get(alarm.id) ?? 0) >= RANK[alarm.severity]
  }

  /** Once acknowledged or ended, an alarm that asks for attention again is a new one to the ear. */
  forget(alarm: Alarm): void {
    if (!needsAcknowledging(alarmLook(alarm))) this.ranks.delete(alarm.id)
  }
}

/** The most severe unsilenced one decides; one that is normal again and only waits to be acknowledged is a reminder (ISA-18.2 D). */
export function patternFor(alarms: readonly Alarm[], silenced: Silenced, isDeaf: boolean): Pattern | null {
  let loudest: Alarm | null = null
  let reminds = false
  for (const alarm of alarms) {
    if (alarm.attention !== 'unacknowledged' || silenced.covers(alarm)) continue
    if (alarmLook(alarm) === 'cleared_unacked') reminds = true
    else if (!loudest || RANK[alarm.severity] > RANK[loudest.severity]) loudest = alarm
  }
  if (loudest && RANK[loudest.severity] >= RANK.high) return loudest.severity
  if (isDeaf) return 'lost'
  return loudest?.severity ?? (reminds ? 'reminder' : null)
}
