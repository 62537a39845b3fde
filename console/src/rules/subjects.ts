/** What rules judge: points, devices, zones; and their names, read when they are first shown. */
import { reactive } from 'vue'
import { client, take } from '@/api/client'
import { all, zoneName } from '@/api/places'
import type { Device } from '@/api/shapes'
import { metricText } from '@/looks/values'
import type { Data } from './draft'
import { METRICS } from './kinds'

export interface Subject { kind: 'point' | 'device' | 'zone'; deviceId: string; zoneId: string; metric: string }

export function subjectOf(text: string): Subject {
  const [kind, ...rest] = text.split(':')
  if (kind === 'zone') return { kind, deviceId: '', zoneId: rest.join(':'), metric: '' }
  if (kind === 'device') return { kind, deviceId: rest.join(':'), zoneId: '', metric: '' }
  return { kind: 'point', deviceId: rest[0] ?? '', zoneId: '', metric: rest.slice(1).join(':') }
}

const known = reactive(new Map<string, Pick<Device, 'name' | 'zone_id' | 'site_id'>>())
const asked = new Set<string>()
const queue: string[] = []

/** The device's name; its id until it is known. Ids asked for in one turn are read four at a time. */
export function deviceOf(id: string): Pick<Device, 'name' | 'zone_id' | 'site_id'> | undefined {
  const got = known.get(id)
  if (!got && id && !asked.has(id)) {
    asked.add(id)
    if (queue.push(id) === 1) setTimeout(() => { for (let n = 0; n < 4; n++) void readNext() }, 0)
  }
  return got
}

async function readNext(): Promise<void> {
  for (let id = queue.shift(); id; id = queue.shift()) {
    try {
      known.set(id, await take(client.GET('/api/v1/devices/{device_id}', { params: { path: { device_id: id } } })))
    } catch {
      asked.delete(id) // asked again with the next page
    }
  }
}

export function learnDevices(devices: readonly Device[]): void {
  for (const device of devices) known.set(device.id, device)
}

export function subjectText(text: string): string {
  const s = subjectOf(text)
  if (s.kind === 'zone') return zoneName(s.zoneId)
  const device = deviceOf(s.deviceId)
  const name = device?.name ?? s.deviceId
  return s.kind === 'point' && s.metric.includes('.') ? `${name} · ${metricText(s.metric)}` : name
}

export const placeText = (text: string): string => {
  const s = subjectOf(text)
  return s.kind === 'zone' ? '' : zoneName(deviceOf(s.deviceId)?.zone_id)
}

const MOST_POINTS = 8

/** The points whose history says something about a subject: itself, or those of its device or zone that the rule names. */
export async function pointsOf(subject: string, data: Data): Promise<string[]> {
  const s = subjectOf(subject)
  if (s.kind === 'point') return [`${s.deviceId}:${s.metric}`]
  const words = new Set(`${String(data.expression ?? '')} ${String(data.only_while ?? '')} ${String(data.metric ?? '')}`.match(/[a-z_0-9]+/g) ?? [])
  const wanted = new Set(Object.keys(METRICS).filter((m) => words.has(m)))
  const devices = s.kind === 'device' ? [s.deviceId] : (await all((cursor) => take(client.GET('/api/v1/devices', { params: { query: { zone: s.zoneId, cursor, limit: 200 } } })), 400)).map((d) => d.id)
  const found: string[] = []
  for (const id of devices) {
    if (found.length >= MOST_POINTS) break
    const page = await take(client.GET('/api/v1/points', { params: { query: { device: id, limit: 200 } } }))
    found.push(...page.items.filter((p) => !wanted.size || wanted.has(p.metric.split('.')[0] ?? '')).map((p) => p.id))
  }
  return found.slice(0, MOST_POINTS)
}
