/** The kinds of rules as the form offers them: which fields each has, its unit, and what stays when another kind is chosen. */
import { isFlag } from '@/looks/values'
import type { Data } from './draft'
import metricsFile from './metrics.json'

export const KINDS = ['level', 'state', 'rate', 'window', 'count', 'silence', 'stuck', 'drift', 'vote', 'expression'] as const
export type Kind = (typeof KINDS)[number]
export const SEVERITY_ORDER = ['info', 'low', 'high', 'critical'] as const
export const WEEKDAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const
export const WHENS = ['any', 'open', 'closed', 'workday', 'holiday'] as const
export const STATISTICS = ['mean', 'min', 'max', 'sum', 'count', 'share'] as const
export const ALARM_KINDS = ['smoke', 'heat', 'gas', 'electrical', 'water', 'power', 'device', 'presence', 'manual_call', 'other'] as const
export const CIRCUIT_CLASSES = ['fire', 'life', 'permit_24h', 'night_off', 'use', 'manual', 'unclassified'] as const
/** Detectors that confirmed by themselves: no hold, latched, no schedule (GB 4717). */
export const IMMEDIATE = new Set(['smoke_alarm', 'fire_alarm', 'fire_summary', 'heat_alarm', 'manual_call'])

interface Known { unit: string; low: number; high: number }
export const METRICS: Record<string, Known> = metricsFile
export const unitOf = (metric: string): string => METRICS[metric]?.unit ?? ''

/** A picture of what each kind looks at, 40 by 24: the values as a line, what raises in colour. */
export const PICTURES: Record<Kind, { line: string; hot: string }> = {
  level: { line: 'M1 19 10 17 18 9 26 5 39 4', hot: 'M1 10H39' },
  state: { line: 'M1 20H16V6H30V20H39', hot: 'M16 6H30' },
  rate: { line: 'M1 20H16L26 5H39', hot: 'M16 20 26 5' },
  window: { line: 'M1 17 6 12 10 18 15 8 20 16 25 7 30 15 35 9 39 13', hot: 'M8 3V21M32 3V21' },
  count: { line: 'M1 20H39', hot: 'M6 20V9M13 20V9M18 20V9M29 20V9M34 20V9' },
  silence: { line: 'M1 20H4M4 20V14M10 20V14M16 20V14', hot: 'M19 17H39' },
  stuck: { line: 'M1 18 5 8 9 15 13 6 16 12H39', hot: 'M16 12H39' },
  drift: { line: 'M1 17C14 17 24 15 39 6', hot: 'M1 17H39M39 17V6' },
  vote: { line: 'M8 8a4 4 0 1 0 .1 0M20 8a4 4 0 1 0 .1 0M32 8a4 4 0 1 0 .1 0', hot: 'M4 20H24' },
  expression: { line: 'M4 8H14M4 13H14M24 5 36 11 24 17', hot: 'M18 3V21' },
}

const OWN: Record<Kind, string[]> = {
  level: ['metric', 'unit', 'above', 'below', 'hold_s', 'clear_hold_s', 'relative_to'],
  state: ['metric', 'unit', 'states', 'severity', 'hold_s', 'clear_hold_s'],
  silence: ['intervals', 'severity', 'hold_s'],
  rate: ['metric', 'unit', 'above', 'below', 'hold_s', 'clear_hold_s', 'window_s', 'per_s', 'covered', 'relative_to'],
  window: ['metric', 'unit', 'above', 'below', 'hold_s', 'clear_hold_s', 'window_s', 'statistic', 'weighting', 'share_of', 'covered', 'relative_to'],
  count: ['metric', 'unit', 'above', 'hold_s', 'clear_hold_s', 'window_s', 'share_of', 'of'],
  stuck: ['metric', 'unit', 'above', 'hold_s', 'clear_hold_s', 'tolerance'],
  drift: ['metric', 'unit', 'above', 'hold_s', 'clear_hold_s', 'window_s', 'covered', 'relative_to'],
  vote: ['metric', 'unit', 'votes', 'above', 'hold_s', 'clear_hold_s'],
  expression: ['expression', 'over', 'above', 'below', 'severity', 'hold_s', 'clear_hold_s'],
}
const SPECIFIC = new Set(Object.values(OWN).flat())

export const has = (kind: Kind, field: string): boolean => OWN[kind].includes(field)
export const hasLevels = (kind: Kind): boolean => kind !== 'state' && kind !== 'silence' && kind !== 'expression'
export const hasOnlyWhile = (kind: Kind, data: Data): boolean => kind !== 'silence' && !(kind === 'count' && 'of' in data)

/** The data under another kind: what the new kind has too stays, limits of another meaning go. */
export function asKind(data: Data, kind: Kind): Data {
  const made: Data = {}
  const before = data.kind as Kind | undefined
  for (const [field, value] of Object.entries(data)) if (!SPECIFIC.has(field) || has(kind, field)) made[field] = value
  made.kind = kind
  const isOtherUnit = limitUnit(data, before ?? 'level') !== limitUnit(made, kind) || (before === 'vote') !== (kind === 'vote')
  if (isOtherUnit || (before && (before === 'level') !== (kind === 'level'))) for (const side of ['above', 'below']) if (side in made) made[side] = limitless(made[side])
  const metric = String(made.metric ?? '')
  if (has(kind, 'states') && !made.states) made.states = [1]
  if (has(kind, 'window_s') && !made.window_s) made.window_s = kind === 'drift' ? 604_800 : kind === 'count' ? 3_600 : 300
  if (kind === 'vote') made.votes = isFlag(metric) || !metric ? { states: [1] } : { above: null }
  if (kind === 'silence' && made.intervals === undefined) made.intervals = 2.5
  if (kind === 'expression' && !made.over) made.over = 'device'
  if (!hasLevels(kind)) {
    if (!made.severity) made.severity = 'high'
    if (kind === 'expression') for (const side of ['above', 'below']) Reflect.deleteProperty(made, side)
  } else if (!made.above && !made.below) made.above = [{ severity: 'high' }]
  return made
}

function limitless(levels: unknown): unknown {
  if (!Array.isArray(levels)) return levels
  return levels.map((level) => ({ severity: (level as Data).severity ?? 'high' }))
}

/** The unit in which the limits of a rule are given; '×' for a plain number, 's' where they are seconds. */
export function limitUnit(data: Data, kind: Kind): string {
  const unit = unitOf(String(data.metric ?? ''))
  if (data.relative_to) return '% In'
  if (kind === 'stuck') return 's'
  if (kind === 'count' || kind === 'vote') return '×'
  if (kind === 'window' && data.statistic === 'count') return '×'
  if (kind === 'window' && data.statistic === 'share') return ''
  if (kind === 'rate') {
    const per = Number(data.per_s ?? 60)
    return `${unit || '1'}/${per === 60 ? 'min' : per === 3600 ? 'h' : per === 1 ? 's' : `${per} s`}`
  }
  return kind === 'expression' ? '' : unit
}

/** Whether the limit can be drawn over the readings themselves; else it is a limit of a value worked out from them. */
export const isDrawable = (kind: string, statistic?: unknown): boolean => kind === 'level' || (kind === 'window' && ['mean', 'min', 'max', undefined].includes(statistic as string | undefined))

/** A free id made of what the rule watches. */
export function idFor(data: Data, taken: ReadonlySet<string>): string {
  const kind = String(data.kind ?? 'level')
  const what = kind === 'expression' || kind === 'silence' ? '' : String(data.metric ?? data.of ?? '')
  const stem = [what, kind === 'level' && what ? 'limit' : kind].filter(Boolean).join('-').replace(/_/g, '-') || 'rule'
  if (!taken.has(stem)) return stem
  for (let n = 2; ; n++) if (!taken.has(`${stem}-${n}`)) return `${stem}-${n}`
}
