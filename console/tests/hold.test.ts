// The held button: pressed long enough it acts once; let go early it does nothing; the keyboard does the same.
import { mount } from '@vue/test-utils'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import HoldButton from '@/parts/HoldButton.vue'

describe('hold button', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  it.each([
    ['pointer', 'pointerdown', { button: 0 }, 'pointerup'], ['Enter', 'keydown', { key: 'Enter' }, 'keyup'], ['Space', 'keydown', { key: ' ' }, 'keyup'],
  ])('acts once after 1.5 s by %s, and not before', async (_, down, init, up) => {
    const button = mount(HoldButton, { slots: { default: 'cut' } })
    await button.trigger(down, init)
    await vi.advanceTimersByTimeAsync(1_400)
    await button.trigger(up, init)
    await vi.advanceTimersByTimeAsync(2_000)
    expect(button.emitted('held')).toBeUndefined()
    await button.trigger(down, init)
    await vi.advanceTimersByTimeAsync(1_600)
    expect(button.emitted('held')).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(3_000)
    expect(button.emitted('held')).toHaveLength(1)
  })

  it('does not act when the pointer slides off, nor when disabled', async () => {
    const button = mount(HoldButton)
    await button.trigger('pointerdown', { button: 0 })
    await vi.advanceTimersByTimeAsync(1_000)
    await button.trigger('pointerleave')
    await vi.advanceTimersByTimeAsync(2_000)
    await button.setProps({ disabled: true })
    await button.trigger('keydown', { key: 'Enter' })
    await vi.advanceTimersByTimeAsync(2_000)
    expect(button.emitted('held')).toBeUndefined()
  })
})
