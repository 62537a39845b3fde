// What sounds, until when, and that silence is not acknowledgement.
import { describe, expect, it } from 'vitest'
import { patternFor, Silenced } from '@/live/sounding'
import { alarm } from './alarms'

const acknowledged = { attention: 'acknowledged' } as const
const cleared = { condition: 'normal' } as const

describe('sounding', () => {
  it.each([
    ['nothing open', [], false, null],
    ['an unacknowledged alarm, by its severity', [alarm({ severity: 'low' })], false, 'low'],
    ['the most severe of several', [alarm({ severity: 'low' }), alarm({ id: 'b', severity: 'critical' })], false, 'critical'],
    ['acknowledged ones are quiet', [alarm({ severity: 'critical', ...acknowledged })], false, null],
    ['suppressed ones are quiet', [alarm({ severity: 'critical', attention: 'suppressed' })], false, null],
    ['normal again but unacknowledged: a reminder', [alarm({ ...cleared })], false, 'reminder'],
    ['latched and unacknowledged sounds as active', [alarm({ severity: 'critical', ...cleared, needs_reset: true })], false, 'critical'],
    ['a lost stream sounds of its own', [], true, 'lost'],
    ['a critical alarm is louder than a lost stream', [alarm({ severity: 'critical' })], true, 'critical'],
    ['a lost stream is louder than a low alarm', [alarm({ severity: 'low' })], true, 'lost'],
  ] as const)('%s', (_, alarms, isDeaf, expected) => {
    expect(patternFor(alarms, new Silenced(), isDeaf)).toBe(expected)
  })

  it('is silenced without being acknowledged, and a new alarm or a rise sounds again', () => {
    const silenced = new Silenced()
    const first = alarm({ id: 'a', severity: 'high' })
    silenced.silence([first])
    expect(patternFor([first], silenced, false)).toBeNull()
    expect(patternFor([first, alarm({ id: 'b', severity: 'low' })], silenced, false)).toBe('low')
    expect(patternFor([alarm({ id: 'a', severity: 'critical', seq: 2 })], silenced, false)).toBe('critical')
    expect(patternFor([alarm({ id: 'a', severity: 'low', seq: 3 })], silenced, false)).toBeNull()
  })

  it('forgets a silence once the alarm was acknowledged: coming back it sounds', () => {
    const silenced = new Silenced()
    silenced.silence([alarm()])
    silenced.forget(alarm({ ...acknowledged, seq: 2 }))
    expect(patternFor([alarm({ seq: 3 })], silenced, false)).toBe('high')
  })
})
