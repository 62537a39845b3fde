// The order of the wall and what news does to it.
import { describe, expect, it } from 'vitest'
import { Board, countsOf } from '@/live/board'
import { alarm } from './alarms'

const at = (second: number): string => new Date(Date.UTC(2026, 10, 22, 7, 0, second)).toISOString()
const ids = (board: Board): string[] => board.list().map((a) => a.id)

describe('board', () => {
  it('puts the most severe on top, then the unacknowledged, then the newest', () => {
    const board = new Board()
    board.replace([
      alarm({ id: 'low-new', severity: 'low', raised_at: at(50) }),
      alarm({ id: 'high-old', severity: 'high', raised_at: at(1) }),
      alarm({ id: 'high-acked', severity: 'high', attention: 'acknowledged', raised_at: at(40) }),
      alarm({ id: 'critical-acked', severity: 'critical', attention: 'acknowledged', raised_at: at(2) }),
      alarm({ id: 'high-new', severity: 'high', raised_at: at(30) }),
    ])
    expect(ids(board)).toEqual(['critical-acked', 'high-new', 'high-old', 'high-acked', 'low-new'])
    board.reorder('attention')
    expect(ids(board)).toEqual(['high-new', 'high-old', 'low-new', 'critical-acked', 'high-acked'])
    board.reorder('newest')
    expect(ids(board)).toEqual(['low-new', 'high-acked', 'high-new', 'critical-acked', 'high-old'])
  })

  it('ignores older news, moves a row that steps up, and drops one that ended', () => {
    const board = new Board()
    expect(board.apply(alarm({ id: 'a', severity: 'low', seq: 2 }))).toBeUndefined()
    board.apply(alarm({ id: 'b', severity: 'high', seq: 1 }))
    expect(board.apply(alarm({ id: 'a', severity: 'info', seq: 1 }))).toBeNull()
    expect(board.apply(alarm({ id: 'a', severity: 'info', seq: 2 }))).toBeNull()
    expect(ids(board)).toEqual(['b', 'a'])
    expect(board.apply(alarm({ id: 'a', severity: 'critical', seq: 3 }))?.seq).toBe(2)
    expect(ids(board)).toEqual(['a', 'b'])
    board.apply(alarm({ id: 'a', ended_at: at(9), seq: 4 }))
    expect(ids(board)).toEqual(['b'])
    expect(board.get('a')).toBeUndefined()
  })

  it('does not open an ended alarm again for older news that comes late', () => {
    const board = new Board()
    board.apply(alarm({ id: 'a', seq: 1 }))
    board.apply(alarm({ id: 'a', ended_at: at(9), seq: 4 }))
    expect(board.apply(alarm({ id: 'a', seq: 3 }))).toBeNull()
    expect(board.size).toBe(0)
    expect(board.apply(alarm({ id: 'a', seq: 5 }))).toBeUndefined() // raised anew
    expect(ids(board)).toEqual(['a'])
  })

  it('stays as sorted as a full sort would make it, whatever arrives', () => {
    let seed = 7
    const random = (n: number): number => (seed = (seed * 48271) % 2147483647) % n // MINSTD
    const board = new Board()
    for (let i = 1; i <= 2000; i++) {
      board.apply(alarm({
        id: `a${random(120)}`, seq: i, severity: (['critical', 'high', 'low', 'info'] as const)[random(4)] ?? 'low', attention: random(2) ? 'acknowledged' : 'unacknowledged',
        raised_at: at(random(60)), ended_at: random(6) ? null : at(59),
      }))
    }
    const fresh = new Board()
    fresh.replace(board.list())
    expect(ids(board)).toEqual(ids(fresh))
    expect(board.size).toBeGreaterThan(50)
  })

  it('takes 50,000 alarms and 1,000 changes without a noticeable pause', () => {
    const board = new Board()
    board.replace(Array.from({ length: 50_000 }, (_, i) => alarm({ id: `a${i}`, raised_at: new Date(1_700_000_000_000 + i * 1000).toISOString() })))
    const started = performance.now()
    for (let i = 0; i < 1_000; i++) board.apply(alarm({ id: `a${i * 50}`, seq: 2, attention: 'acknowledged' }))
    expect((performance.now() - started) / 1_000).toBeLessThan(5) // ms a change
    expect(countsOf(board.list())).toMatchObject({ total: 50_000, unacknowledged: 49_000 })
  })

  it('counts what calls nobody apart', () => {
    const alarms = [alarm({ id: 'a' }), alarm({ id: 'b', attention: 'suppressed' }), alarm({ id: 'c', attention: 'acknowledged' })]
    expect(countsOf(alarms)).toMatchObject({ total: 2, unacknowledged: 1, suppressed: 1, bySeverity: { high: { total: 2, unacknowledged: 1 } } })
  })
})
