/** The colour of an order's state. Green means measured, and nothing else does. */
import type { OrderState } from '@/api/shapes'

export type Tone = 'green' | 'amber' | 'red' | 'blue' | 'grey'

const TONES: Record<OrderState, Tone> = {
  requested: 'blue', sending: 'blue', sent: 'blue', confirmed: 'blue', proved: 'green', unproved: 'amber', simulated: 'amber', unknown: 'amber',
  rejected: 'red', failed: 'red', expired: 'red', refused: 'red',
}

export function orderTone(state: OrderState): Tone {
  return TONES[state]
}

/** A protected class is said in a calm colour: it is as it should be. */
export function classTone(circuitClass: string): Tone {
  if (circuitClass === 'fire' || circuitClass === 'life') return 'red'
  if (circuitClass === 'unclassified') return 'amber'
  return 'grey'
}
