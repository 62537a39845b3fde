/** How values of points read: flags as words, numbers as figures with their unit. */
import { i18n } from '@/messages'
import { figure } from './time'

const FLAGS = new Set([
  'smoke_alarm', 'fire_alarm', 'fire_summary', 'heat_alarm', 'gas_alarm', 'co_alarm', 'manual_call', 'water_leak', 'trip', 'arc_alarm', 'tamper', 'fault', 'battery_low',
  'mains_lost', 'muted', 'test', 'door_open', 'occupancy', 'closed',
])

const base = (metric: string): string => metric.split('.')[0] ?? metric

const KINDS: Record<string, string> = {
  smoke_alarm: 'smoke', fire_alarm: 'smoke', fire_summary: 'smoke', smoke_obscuration: 'smoke', heat_alarm: 'heat', temperature: 'heat', gas_alarm: 'gas', co_alarm: 'gas', lel: 'gas', co: 'gas', h2s: 'gas', nh3: 'gas',
  gas_ppm: 'gas', o2: 'gas', manual_call: 'manual_call',
}

/** The kind of alarm that a metric causes, as far as colour needs it: fire and gas, or not. */
export function kindOf(metric: string): string {
  return KINDS[base(metric)] ?? 'other'
}

export function isFlag(metric: string): boolean {
  return FLAGS.has(base(metric))
}

/** Whether a limit says something beside the value: not for flags, and not for a silence, whose limit counts intervals. */
export function hasLimit(alarm: { metric: string; limit: number | null }): boolean {
  return alarm.limit != null && alarm.metric !== '' && !isFlag(alarm.metric)
}

export function valueText(metric: string, value: number | null | undefined, unit: string): string {
  if (value == null) return metric ? '–' : ''
  if (base(metric) === 'closed') return i18n.global.t(value ? 'value.closed' : 'value.open')
  if (isFlag(metric)) return i18n.global.t(value ? 'value.on' : 'value.off')
  return figure(value, unit)
}

export function metricText(metric: string): string {
  const key = `metric.${base(metric)}`
  const suffix = metric.slice(base(metric).length)
  return (i18n.global.te(key) ? i18n.global.t(key) : base(metric)) + (suffix ? ` ${suffix.slice(1)}` : '')
}
