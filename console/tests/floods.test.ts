// Floods: when they begin and end, and what stays visible while a zone is folded.
import { describe, expect, it } from 'vitest'
import { fold, isFlood, recent, type ZoneRow } from '@/live/floods'
import { alarm } from './alarms'

const T0 = Date.UTC(2026, 10, 22, 7, 0, 0)
const at = (second: number): string => new Date(T0 + second * 1000).toISOString()
const zone = (id: string): { id: string; name: string } => ({ id, name: id })

describe('floods', () => {
  it('begin above ten in ten minutes and end below five', () => {
    const alarms = Array.from({ length: 11 }, (_, i) => alarm({ id: `a${i}`, raised_at: at(i) }))
    expect(recent(alarms, T0 + 60_000)).toBe(11)
    expect(recent(alarms, T0 + 605_000)).toBe(5) // those of seconds 6 to 10: the window is open at its beginning
    expect(recent([alarm({ attention: 'suppressed', raised_at: at(1) })], T0 + 60_000)).toBe(0)
    expect(isFlood(false, 10)).toBe(false)
    expect(isFlood(false, 11)).toBe(true)
    expect(isFlood(true, 5)).toBe(true)
    expect(isFlood(true, 4)).toBe(false)
  })

  it('fold a zone under its first-out, with counts, and lose nothing', () => {
    const members = Array.from({ length: 40 }, (_, i) => alarm({ id: `a${i}`, raised_at: at(100 - i), zone: zone('z1'), attention: i % 2 ? 'acknowledged' : 'unacknowledged' }))
    const rows = fold(members, new Set(), T0 + 3_600_000)
    expect(rows).toHaveLength(1)
    const row = rows[0] as ZoneRow
    expect([row.type, row.total, row.waiting.length, row.firstOut.id, row.isNew]).toEqual(['zone', 40, 20, 'a39', false])
    expect(fold(members, new Set(['s1/z1']), T0)).toHaveLength(41)
  })

  it('let a higher severity break through until it is acknowledged', () => {
    const members = [1, 2, 3].map((i) => alarm({ id: `a${i}`, raised_at: at(i), zone: zone('z1') }))
    const worse = alarm({ id: 'worse', severity: 'critical', raised_at: at(9), zone: zone('z1') })
    expect(fold([worse, ...members], new Set(), T0).map((r) => r.id)).toEqual(['zone:s1/z1', 'worse'])
    expect(fold([{ ...worse, attention: 'acknowledged' }, ...members], new Set(), T0).map((r) => r.id)).toEqual(['zone:s1/z1'])
  })

  it('put a new zone above the older ones of the same severity, and mark it', () => {
    const old = [1, 2, 3].map((i) => alarm({ id: `a${i}`, raised_at: at(i), zone: zone('old') }))
    const fresh = [4, 5, 6].map((i) => alarm({ id: `b${i}`, raised_at: at(300 + i), zone: zone('fresh') }))
    const rows = fold([...old, ...fresh], new Set(), T0 + 310_000) as ZoneRow[]
    expect(rows.map((r) => [r.zone.id, r.isNew])).toEqual([['fresh', true], ['old', false]])
  })

  it('leave zones with one or two alarms as they are', () => {
    const rows = fold([alarm({ id: 'a', zone: zone('z1') }), alarm({ id: 'b', zone: zone('z2') })], new Set(), T0)
    expect(rows.map((r) => r.type)).toEqual(['alarm', 'alarm'])
  })

  it('fold 50,000 alarms without a noticeable pause', () => {
    const many = Array.from({ length: 50_000 }, (_, i) => alarm({ id: `a${i}`, raised_at: at(i), zone: zone(`z${i % 500}`) }))
    const started = performance.now()
    expect(fold(many, new Set(), T0)).toHaveLength(500)
    expect(performance.now() - started).toBeLessThan(250)
  })
})
