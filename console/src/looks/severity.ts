/**
 * How severity and state look and sound. Never colour only: each severity has its own shape and word. Fire and gas are always in the red
 * family and never yellow, which on fire equipment means *fault* (GB 16808).
 */
import type { Alarm } from '@/api/shapes'
import { either } from '@/messages'

export type SeverityName = 'critical' | 'high' | 'low' | 'info'

export const SEVERITIES: readonly SeverityName[] = ['critical', 'high', 'low', 'info']
export const RANK: Record<SeverityName, number> = { critical: 4, high: 3, low: 2, info: 1 }

const FIRE_OR_GAS = new Set(['smoke', 'heat', 'gas', 'co', 'manual_call'])

export function isFireOrGas(kind: string): boolean {
  return FIRE_OR_GAS.has(kind)
}

/** Class names that carry the colour: `sev-critical`, and `fire` where yellow and orange are not allowed. */
export function severityClass(severity: SeverityName, kind: string): string {
  return isFireOrGas(kind) ? `sev-${severity} fire` : `sev-${severity}`
}

/** The states an operator tells apart (ISA-18.2 B, C, D, E, F, H). */
export type AlarmLook = 'unacked' | 'acked' | 'cleared_unacked' | 'latched_unacked' | 'latched_acked' | 'suppressed' | 'ended'

export function alarmLook(alarm: Pick<Alarm, 'condition' | 'attention' | 'needs_reset' | 'ended_at'>): AlarmLook {
  if (alarm.ended_at) return 'ended'
  if (alarm.attention === 'suppressed') return 'suppressed'
  const isAcked = alarm.attention === 'acknowledged'
  if (alarm.condition === 'active') return isAcked ? 'acked' : 'unacked'
  if (alarm.needs_reset) return isAcked ? 'latched_acked' : 'latched_unacked'
  return isAcked ? 'ended' : 'cleared_unacked'
}

export function needsAcknowledging(look: AlarmLook): boolean {
  return look === 'unacked' || look === 'cleared_unacked' || look === 'latched_unacked'
}

/** Why it calls nobody, in the language of the screen. */
export function suppressedWhy(alarm: Pick<Alarm, 'suppression'>): string {
  return either(alarm.suppression?.reason, alarm.suppression?.reason_zh)
}
