/** A rule in plain words, in the language of the screen: what it looks at, when it raises, how grave, when not. */
import { i18n, named } from '@/messages'
import { siteName, zoneName } from '@/api/places'
import { kindText } from '@/looks/devices'
import { figure } from '@/looks/time'
import { isFlag, metricText, valueText } from '@/looks/values'
import type { Data } from './draft'
import { limitUnit, unitOf, type Kind } from './kinds'

const { t } = i18n.global

/** `90 s`, `5 min`, `7 d`, in words of the language. */
export function spanText(seconds: unknown): string {
  const n = Number(seconds)
  if (!Number.isFinite(n)) return '?'
  const [size, unit] = n !== 0 && n % 86_400 === 0 ? [86_400, 'd'] : n !== 0 && n % 3_600 === 0 ? [3_600, 'h'] : n !== 0 && n % 60 === 0 ? [60, 'min'] : [1, 's']
  return `${figure(n / size)} ${t(`rules.time.${unit}`)}`
}

export function limitText(data: Data, limit: unknown): string {
  if (typeof limit !== 'number') return '?'
  const unit = limitUnit(data, (data.kind ?? 'level') as Kind)
  if (unit === 's') return spanText(limit)
  if (unit === '×') return `${figure(limit)} ${t(data.kind === 'vote' ? 'rules.devices_unit' : 'rules.times_unit')}`
  return figure(limit, unit)
}

function what(data: Data, kind: Kind): string {
  const metric = data.metric ? metricText(String(data.metric)) : t('rules.some_metric')
  const window = spanText(data.window_s)
  switch (kind) {
    case 'level': return t('rules.say.level', { metric })
    case 'rate': return t('rules.say.rate', { metric, window })
    case 'window': return t('rules.say.window', { metric, window, statistic: t(`rules.statistics.${String(data.statistic ?? 'mean')}`) })
    case 'count': return 'of' in data ? t('rules.say.count_of', { rule: String(data.of || '?'), window }) : t('rules.say.count', { metric, window })
    case 'stuck': return t('rules.say.stuck', { metric, tolerance: figure(Number(data.tolerance ?? 0), unitOf(String(data.metric ?? ''))) })
    case 'drift': return t('rules.say.drift', { metric, window })
    case 'vote': return t('rules.say.vote', { metric, meets: meetsText(data.votes, String(data.metric ?? '')) })
    case 'expression': return t(data.over === 'zone' ? 'rules.say.expression_zone' : 'rules.say.expression', { text: String(data.expression || '?') })
    case 'state': return t('rules.say.state', { metric, states: states(data.states, String(data.metric ?? '')) })
    default: return t('rules.say.silence', { n: figure(Number(data.intervals ?? 2.5)) })
  }
}

const states = (given: unknown, metric: string): string => (Array.isArray(given) ? given : [1]).map((s: unknown) => (isFlag(metric) ? valueText(metric, Number(s), '') : String(s))).join(' / ')

function meetsText(given: unknown, metric: string): string {
  const map = (given ?? {}) as Record<string, unknown>
  if ('states' in map) return `= ${states(map.states, metric)}`
  const way = 'below' in map ? 'below' : 'above'
  return `${way === 'below' ? '≤' : '≥'} ${typeof map[way] === 'number' ? figure(map[way], unitOf(metric)) : '?'}`
}

/** One sentence a line. */
export function says(data: Data): string[] {
  const kind = (data.kind ?? 'level') as Kind
  const lines = [what(data, kind)]
  if ('share_of' in data) lines.push(t('rules.say.share_of', { meets: meetsText(data.share_of, String(data.metric ?? '')) }))
  const side = 'below' in data ? 'below' : 'above'
  const levels = Array.isArray(data[side]) ? (data[side] as Data[]) : []
  for (const level of levels) {
    const sign = side === 'below' ? '≤' : '≥'
    const severity = t(`severity.${String(level.severity ?? 'high')}`)
    const hold = Number(level.hold_s ?? data.hold_s ?? 0)
    lines.push(t(hold ? 'rules.say.limit_hold' : 'rules.say.limit', { severity, sign, limit: limitText(data, level.limit), hold: spanText(hold) }))
  }
  if (!levels.length && data.severity) {
    const hold = Number(data.hold_s ?? 0)
    lines.push(t(hold ? 'rules.say.severity_hold' : 'rules.say.severity', { severity: t(`severity.${String(data.severity)}`), hold: spanText(hold) }))
  }
  if (data.latched) lines.push(t('rules.say.latched'))
  else if (data.clear_hold_s) lines.push(t('rules.say.clears', { hold: spanText(data.clear_hold_s) }))
  const schedule = scheduleText(data.schedule)
  if (schedule) lines.push(t('rules.say.schedule', { when: schedule }))
  if (data.only_while) lines.push(t('rules.say.only_while', { text: String(data.only_while) }))
  const where = scopeText(data.scope)
  lines.push(where ? t('rules.say.where', { where }) : t('rules.say.everywhere'))
  return lines
}

export function scheduleText(given: unknown): string {
  if (!given) return ''
  const s = given as { weekdays?: string[]; windows?: string[]; when?: string; calendar?: string }
  return [s.when ? t(`rules.whens.${s.when}`) : '', s.weekdays?.map((d) => t(`rules.day.${d}`)).join(' ') ?? '', s.windows?.join(', ') ?? '', s.calendar ? `(${s.calendar})` : ''].filter(Boolean).join(' ')
}

export function scopeText(given: unknown): string {
  if (!given) return ''
  const s = given as Record<string, string[] | undefined>
  return [
    s.device_kinds?.map(kindText).join(', '), s.sites?.map(siteName).join(', '), s.zones?.map(zoneName).join(', '), s.devices?.join(', '), s.circuit_classes?.map((c) => t(`class.${c}`)).join(', '),
  ].filter(Boolean).join(' · ')
}

/** `above[1].limit` as people call it. */
export function numberText(number: string): string {
  const m = /^(?:above|below)\[(\d)\]\.(\w+)$/.exec(number)
  if (m) return t('rules.level_number', { n: Number(m[1]) + 1, what: t(`rules.number.${m[2]}`) })
  return i18n.global.te(`rules.number.${number}`) ? t(`rules.number.${number}`) : number
}

/** A field of a rule's data as people call it. */
export function fieldText(field: string): string {
  return i18n.global.te(`rules.field.${field}`) ? t(`rules.field.${field}`) : field
}

/** A value of a rule's data in few words. */
export function changeText(field: string, value: unknown): string {
  if (value === null || value === undefined) return t('rules.left_out')
  if (typeof value === 'boolean') return t(value ? 'app.yes' : 'app.no')
  if (field === 'severity') return t(`severity.${String(value)}`)
  if (field === 'kind') return t(`rule_kind.${String(value)}`)
  if (field === 'metric') return metricText(String(value))
  if (field.endsWith('_s') && typeof value === 'number') return spanText(value)
  if ((field === 'name' || field === 'guidance') && typeof value === 'object') return named({ name: (value as { zh: string }).zh, name_en: (value as { en: string }).en })
  if ((field === 'above' || field === 'below') && Array.isArray(value)) {
    return (value as Data[]).map((l) => `${field === 'above' ? '≥' : '≤'} ${String(l.limit)} ${t(`severity.${String(l.severity)}`)}${l.deadband ? ` ± ${String(l.deadband)}` : ''}${l.hold_s !== undefined ? `, ${spanText(l.hold_s)}` : ''}`).join('; ')
  }
  if (field === 'scope') return scopeText(value) || t('rule.everything')
  if (field === 'schedule') return scheduleText(value)
  return typeof value === 'object' ? JSON.stringify(value) : String(value as string | number)
}
