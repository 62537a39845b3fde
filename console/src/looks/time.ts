/** Times as a person reads them. Ages are measured on the server's clock: a desk whose clock is wrong must not show wrong ages. */
import { computed, ref } from 'vue'

const offset = ref(0)
const ticked = ref(Date.now())
setInterval(() => (ticked.value = Date.now()), 1_000)

/** The stream tells how far the server's clock is ahead of ours. */
export function setServerOffset(ms: number): void {
  offset.value = ms
  ticked.value = Date.now()
}

/** The server's present time, ticking once a second. */
export const now = computed(() => ticked.value + offset.value)

/** Our own present time, ticking once a second: for what happened at this desk. */
export const deskNow = computed(() => ticked.value)

export function serverNow(): number {
  return Date.now() + offset.value
}

/** `0:42`, `12:03`, `3:05:09`, `2d 04:10`. */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const two = (n: number): string => String(n).padStart(2, '0')
  const days = Math.floor(seconds / 86_400)
  const hours = Math.floor(seconds / 3_600) % 24
  const minutes = Math.floor(seconds / 60) % 60
  if (days) return `${days}d ${two(hours)}:${two(minutes)}`
  if (hours) return `${hours}:${two(minutes)}:${two(seconds % 60)}`
  return `${minutes}:${two(seconds % 60)}`
}

export function since(at: string | null | undefined): string {
  return at ? span(now.value - Date.parse(at)) : ''
}

/** Day and time in one zone; without a zone, this desk's. */
export function clock(at: string | number | null | undefined, zone?: string, seconds = true): string {
  if (at == null || at === '') return ''
  const parts = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false,
  }).formatToParts(typeof at === 'number' ? at : Date.parse(at))
  const part = Object.fromEntries(parts.map((p) => [p.type, p.value]))
  return `${part.year}-${part.month}-${part.day} ${part.hour}:${part.minute}${seconds ? `:${part.second}` : ''}`
}

/** For date pickers, which know only this desk's zone: a `Date` that reads here as that moment reads in `zone`. */
export function pickable(ms: number, zone?: string): Date {
  return new Date(clock(ms, zone).replace(' ', 'T'))
}

/** The moment that a picked `Date` means in `zone`: found by correcting twice, which also holds on days when clocks change. */
export function pickedMs(picked: Date, zone?: string): number {
  let ms = picked.getTime()
  for (let i = 0; i < 2; i++) ms += picked.getTime() - pickable(ms, zone).getTime()
  return ms
}

/** A number as read on an instrument: at most three decimals, no trailing zeros. */
export function figure(value: number | null | undefined, unit = ''): string {
  if (value == null) return '–'
  const text = Math.abs(value) >= 1000 ? value.toFixed(0) : String(Number(value.toFixed(Math.abs(value) >= 100 ? 1 : 2)))
  return unit ? `${text} ${unit}` : text
}
