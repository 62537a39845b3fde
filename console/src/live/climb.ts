/** Where an alarm stands on its way up: the escalation fact of the stream, as the rows of the wall need it. */
import { facts } from './desk'

export interface Climb {
  ladder: 'unacknowledged' | 'unverified' | 'over'
  nextAt: number | null
}

export function climbOf(alarmId: string): Climb | null {
  const fact = facts.value.get(`escalation/${alarmId}`)
  if (!fact) return null
  const next = fact.body.next_at as string | null | undefined
  return { ladder: fact.state as Climb['ladder'], nextAt: next ? Date.parse(next) : null }
}
