/** The colour of an order's state. Green means measured, and nothing else does. */
import type { CircuitSeen, OrderState } from '@/api/shapes'

export type Tone = 'green' | 'amber' | 'red' | 'blue' | 'grey'

const TONES: Record<OrderState, Tone> = {
  requested: 'blue', sending: 'blue', sent: 'blue', confirmed: 'blue', proved: 'green', unproved: 'amber', simulated: 'amber', unknown: 'amber',
  rejected: 'red', failed: 'red', expired: 'red', refused: 'red',
}

export function orderTone(state: OrderState): Tone {
  return TONES[state]
}

/** Current above which a circuit is not dead, whatever its switch says (the proof's own limit is never above it). */
const DEAD_BELOW_A = 0.2

/** The switch says open, yet current or power is measured: a welded contact, or the wrong mapping. */
export function contradicts(circuit: Pick<CircuitSeen, 'measured'>): boolean {
  const m = circuit.measured
  return m.closed === false && ((m.current_a ?? 0) >= DEAD_BELOW_A || (m.current_a == null && (m.power_w ?? 0) > DEAD_BELOW_A * 230))
}

/** Open, and measured without current: cutting it again would change nothing. */
export function isOff(circuit: Pick<CircuitSeen, 'measured'>): boolean {
  const m = circuit.measured
  return m.closed === false && (m.current_a != null || m.power_w != null) && !contradicts(circuit)
}

/** A protected class is said in a calm colour: it is as it should be. */
export function classTone(circuitClass: string): Tone {
  if (circuitClass === 'fire' || circuitClass === 'life') return 'red'
  if (circuitClass === 'unclassified') return 'amber'
  return 'grey'
}
