// How states, colours and times read.
import { describe, expect, it } from 'vitest'
import { contradicts, isOff, orderTone } from '@/looks/orders'
import { alarmLook, needsAcknowledging, SEVERITIES, severityClass } from '@/looks/severity'
import { clock, figure, pickable, pickedMs, span } from '@/looks/time'
import { alarm } from './alarms'

describe('looks', () => {
  it.each([
    ['active', 'unacknowledged', false, null, 'unacked', true], ['active', 'acknowledged', false, null, 'acked', false], ['active', 'unacknowledged', true, null, 'unacked', true],
    ['active', 'suppressed', false, null, 'suppressed', false], ['normal', 'suppressed', true, null, 'suppressed', false],
    ['normal', 'unacknowledged', false, null, 'cleared_unacked', true], ['normal', 'unacknowledged', true, null, 'latched_unacked', true],
    ['normal', 'acknowledged', true, null, 'latched_acked', false], ['normal', 'acknowledged', false, '2026-11-22T07:00:00Z', 'ended', false],
  ] as const)('%s, %s, latched %s: %s -> %s', (condition, attention, needs_reset, ended_at, look, waits) => {
    const shown = alarmLook(alarm({ condition, attention, needs_reset, ended_at }))
    expect(shown).toBe(look)
    expect(needsAcknowledging(shown)).toBe(waits)
  })

  it('marks fire and gas as such at every severity, and nothing else', () => {
    for (const severity of SEVERITIES) {
      for (const kind of ['smoke', 'heat', 'gas', 'manual_call']) expect(severityClass(severity, kind)).toContain('fire')
      for (const kind of ['electrical', 'water', 'device', 'power', 'presence', 'other']) expect(severityClass(severity, kind)).not.toContain('fire')
    }
  })

  it('is green for proved alone', () => {
    const states = ['requested', 'sending', 'sent', 'confirmed', 'proved', 'unproved', 'rejected', 'failed', 'expired', 'refused', 'unknown', 'simulated'] as const
    expect(states.filter((s) => orderTone(s) === 'green')).toEqual(['proved'])
    expect(orderTone('unproved')).toBe('amber')
    expect(orderTone('failed')).toBe('red')
  })

  it('does not believe a switch that says open while current flows', () => {
    const measured = (closed: boolean | null, current_a: number | null, power_w: number | null): { measured: { closed: boolean | null; current_a: number | null; power_w: number | null; voltage_v: null; heard_at: null } } => ({ measured: { closed, current_a, power_w, voltage_v: null, heard_at: null } })
    expect(contradicts(measured(false, 3.1, null))).toBe(true)
    expect(contradicts(measured(false, null, 700))).toBe(true)
    expect(isOff(measured(false, 0.05, 0))).toBe(true)
    expect(isOff(measured(false, 3.1, 700))).toBe(false)
    expect(isOff(measured(false, null, null))).toBe(false) // nothing measured: nobody knows
    expect(isOff(measured(true, 0, 0))).toBe(false)
  })

  it('reads times and figures as people do, in the site’s zone', () => {
    expect(clock('2026-11-22T07:00:05.500Z', 'Asia/Shanghai')).toBe('2026-11-22 15:00:05')
    expect(clock('2026-11-22T16:00:00Z', 'Asia/Shanghai', false)).toBe('2026-11-23 00:00')
    expect([span(-5), span(42_000), span(723_000), span(11_109_000), span(187_800_000)]).toEqual(['0:00', '0:42', '12:03', '3:05:09', '2d 04:10'])
    expect([figure(null), figure(0.126), figure(221.44, 'V'), figure(25, '%LEL'), figure(12_345.6)]).toEqual(['–', '0.13', '221.4 V', '25 %LEL', '12346'])
  })

  it('takes a picked time as the site’s own, also on the day when clocks change', () => {
    for (const zone of ['Asia/Shanghai', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe']) {
      for (const iso of ['2026-11-22T16:00:00Z', '2026-03-29T00:30:00Z', '2026-03-29T02:30:00Z', '2026-10-25T12:00:00Z', '2026-03-08T12:00:00Z']) {
        const ms = Date.parse(iso)
        expect(pickedMs(pickable(ms, zone), zone), `${zone} ${iso}`).toBe(ms)
      }
    }
  })
})
