/** Names of the places that may set numbers, districts among them, which the rest of the console does not show. */
import { shallowRef } from 'vue'
import { client, take } from '@/api/client'
import { all, enterpriseName, loadPlaces, siteName, zoneName } from '@/api/places'
import type { District, Enterprise } from '@/api/shapes'
import { deviceOf } from './subjects'

export const districts = shallowRef<District[]>([])
export const enterprises = shallowRef<Enterprise[]>([])
export const NODE_KINDS = ['district', 'enterprise', 'site', 'zone', 'device'] as const
export type NodeKind = (typeof NODE_KINDS)[number]

export async function loadDistricts(): Promise<void> {
  await loadPlaces().catch(() => undefined)
  const [d, e] = await Promise.all([
    all((cursor) => take(client.GET('/api/v1/districts', { params: { query: { cursor, limit: 200 } } }))).catch(() => []),
    all((cursor) => take(client.GET('/api/v1/enterprises', { params: { query: { cursor, limit: 200 } } }))).catch(() => []),
  ])
  districts.value = d
  enterprises.value = e
}

export const districtName = Object.assign((id: string): string => districts.value.find((d) => d.id === id)?.name ?? id, {
  /** The districts above an enterprise, the widest first. */
  chainOf(enterpriseId: string | undefined): string[] {
    const found: string[] = []
    let at = enterprises.value.find((e) => e.id === enterpriseId)?.district_id ?? null
    while (at && !found.includes(at)) {
      found.unshift(at)
      at = districts.value.find((d) => d.id === at)?.parent_id ?? null
    }
    return found
  },
})

export function placeName(kind: string, id: string): string {
  if (kind === 'district') return districtName(id)
  if (kind === 'enterprise') return enterpriseName(id)
  if (kind === 'site') return siteName(id)
  return kind === 'zone' ? zoneName(id) : (deviceOf(id)?.name ?? id)
}
