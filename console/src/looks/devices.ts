/** Words of devices: kinds, links, and the bytes of a message as hexadecimal. */
import { i18n } from '@/messages'

export const DEVICE_KINDS = ['smoke', 'heat', 'gas', 'co', 'electrical', 'water', 'switch', 'manual_call', 'gateway', 'actuator', 'other'] as const
export const LINKS = ['wired', 'zigbee', 'lora', 'nb'] as const

export function kindText(kind: string): string {
  const key = `device_kind.${kind}`
  return i18n.global.te(key) ? i18n.global.t(key) : kind
}

/** Base64 as `68 65 6c`, sixteen bytes a line. */
export function hexOf(base64: string): string {
  const bytes = Array.from(atob(base64), (c) => c.charCodeAt(0).toString(16).padStart(2, '0'))
  const lines: string[] = []
  for (let i = 0; i < bytes.length; i += 16) lines.push(bytes.slice(i, i + 16).join(' '))
  return lines.join('\n')
}

/** A file's bytes, or a text's in UTF-8, as base64. */
export async function base64Of(given: Blob): Promise<string> {
  const bytes = new Uint8Array(await given.arrayBuffer())
  const parts: string[] = []
  for (let i = 0; i < bytes.length; i += 0x8000) parts.push(String.fromCharCode(...bytes.subarray(i, i + 0x8000)))
  return btoa(parts.join(''))
}

/** `68 65 6c`, `68656c` or `0x68 0x65` as base64; null when it is not hexadecimal. */
export function base64OfHex(text: string): string | null {
  const digits = text.replace(/0x/gi, '').replace(/[\s:,-]/g, '')
  if (!digits || digits.length % 2 || /[^0-9a-f]/i.test(digits)) return null
  return btoa((digits.match(/../g) ?? []).map((pair) => String.fromCharCode(parseInt(pair, 16))).join(''))
}
