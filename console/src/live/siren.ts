/**
 * The sound of this desk, made by WebAudio so that no file and no network is needed. One pattern a severity, told apart by ear; a pattern
 * is played in short bars that are scheduled one by one, so that a change of mind is heard within a second.
 */
export type Pattern = 'critical' | 'high' | 'low' | 'info' | 'reminder' | 'lost'

interface Tone {
  at: number
  for: number
  hz: number
  to?: number
  gain: number
  shape: OscillatorType
}

interface Bar {
  seconds: number
  tones: Tone[]
}

const tone = (at: number, length: number, hz: number, gain: number, shape: OscillatorType = 'square', to?: number): Tone => ({
  at, for: length, hz, gain, shape, to,
})

/** `lost` is low and slow, unlike any alarm: the desk is deaf, not the building on fire. */
export const BARS: Record<Pattern, Bar> = {
  critical: { seconds: 1, tones: [tone(0, 0.5, 650, 0.3, 'sawtooth', 1300), tone(0.5, 0.5, 1300, 0.3, 'sawtooth', 650)] },
  high: { seconds: 1.4, tones: [tone(0, 0.25, 960, 0.22), tone(0.3, 0.25, 760, 0.22), tone(0.6, 0.25, 960, 0.22)] },
  low: { seconds: 4, tones: [tone(0, 0.2, 660, 0.15, 'triangle'), tone(0.3, 0.2, 660, 0.15, 'triangle')] },
  info: { seconds: 10, tones: [tone(0, 0.25, 520, 0.1, 'sine')] },
  reminder: { seconds: 10, tones: [tone(0, 0.15, 880, 0.12, 'triangle'), tone(0.2, 0.15, 1100, 0.12, 'triangle')] },
  lost: { seconds: 2.5, tones: [tone(0, 0.6, 220, 0.3, 'square'), tone(0.7, 0.6, 165, 0.3, 'square')] },
}

export class Siren {
  private context: AudioContext | null = null
  private pattern: Pattern | null = null
  private timer: ReturnType<typeof setTimeout> | null = null
  private playing: OscillatorNode[] = []

  constructor(private readonly changed: (isAllowed: boolean) => void) {}

  /** Browsers only let a page sound after a click or a key: called on each until it works. */
  async allow(): Promise<boolean> {
    try {
      if (!this.context) {
        this.context = new AudioContext()
        this.context.onstatechange = () => this.changed(this.isAllowed)
      }
      if (this.context.state !== 'running') await this.context.resume()
    } catch {
      // no audio device: said by `isAllowed`
    }
    this.changed(this.isAllowed)
    if (this.isAllowed && this.pattern && !this.timer) this.bar()
    return this.isAllowed
  }

  get isAllowed(): boolean {
    return this.context?.state === 'running'
  }

  play(pattern: Pattern | null): void {
    if (pattern === this.pattern) return
    this.pattern = pattern
    if (this.timer) clearTimeout(this.timer)
    this.timer = null
    for (const oscillator of this.playing) oscillator.stop()
    this.playing = []
    if (pattern && this.isAllowed) this.bar()
  }

  private bar(): void {
    if (!this.pattern || !this.context || !this.isAllowed) {
      this.timer = null
      return
    }
    const bar = BARS[this.pattern]
    const start = this.context.currentTime + 0.02
    this.playing = bar.tones.map((t) => this.tone(this.context as AudioContext, start, t))
    this.timer = setTimeout(() => this.bar(), bar.seconds * 1000)
  }

  private tone(context: AudioContext, start: number, t: Tone): OscillatorNode {
    const oscillator = context.createOscillator()
    const gain = context.createGain()
    oscillator.type = t.shape
    oscillator.frequency.setValueAtTime(t.hz, start + t.at)
    if (t.to) oscillator.frequency.linearRampToValueAtTime(t.to, start + t.at + t.for)
    gain.gain.setValueAtTime(0, start + t.at)
    gain.gain.linearRampToValueAtTime(t.gain, start + t.at + 0.015)
    gain.gain.setValueAtTime(t.gain, start + t.at + t.for - 0.03)
    gain.gain.linearRampToValueAtTime(0, start + t.at + t.for)
    oscillator.connect(gain).connect(context.destination)
    oscillator.start(start + t.at)
    oscillator.stop(start + t.at + t.for)
    return oscillator
  }
}
