/** Alarms for tests: one that is complete, changed where a test says so. */
import type { Alarm } from '@/api/shapes'

export function alarm(changed: Partial<Alarm> = {}): Alarm {
  return {
    id: 'a1', rule: { id: 'gas', version: 1, name: '燃气', name_en: 'Gas' }, kind: 'gas', subject: 'point:d1:lel', point_id: 'd1:lel', site: { id: 's1', name: '商场' },
    zone: { id: 'z1', name: '厨房' }, device: { id: 'd1', name: '探测器' }, metric: 'lel', unit: '%LEL', severity: 'high', level: 0, limit: 25, value: 27, peak_value: 27,
    condition: 'active', attention: 'unacknowledged', isa_state: 'unack_active', is_latched: false, needs_reset: false, is_late: false, is_unrecorded: false, suppression: null,
    raised_at: '2026-11-22T07:00:00.000Z', arrived_at: '2026-11-22T07:00:00.100Z', changed_at: '2026-11-22T07:00:00.000Z', cleared_at: null, acknowledged_at: null,
    acknowledged_by: null, ended_at: null, assignee: null, verdict: null, needs_verdict: true, hazard_id: null, count: 1, seq: 1, ...changed,
  } as Alarm
}
