/** Names of enterprises, sites and zones for pages that are given ids; read once, again on demand. Pages of lists are read to their end. */
import { computed, shallowRef } from 'vue'
import { client, take } from './client'
import type { Enterprise, Site, Zone } from './shapes'

const enterprises = shallowRef<Enterprise[]>([])
export const sites = shallowRef<Site[]>([])
export const zones = shallowRef<Zone[]>([])
let loading: Promise<void> | null = null

/** All items of a paged list; `most` bounds what a page can ask for. */
export async function all<T>(page: (cursor: string | undefined) => Promise<{ items: T[]; next_cursor: string | null }>, most = 5_000): Promise<T[]> {
  const items: T[] = []
  let cursor: string | undefined
  do {
    const got = await page(cursor)
    items.push(...got.items)
    cursor = got.next_cursor ?? undefined
  } while (cursor && items.length < most)
  return items
}

export function loadPlaces(again = false): Promise<void> {
  if (again) loading = null
  loading ??= (async () => {
    const [e, s, z] = await Promise.all([
      all((cursor) => take(client.GET('/api/v1/enterprises', { params: { query: { cursor, limit: 200 } } }))),
      all((cursor) => take(client.GET('/api/v1/sites', { params: { query: { cursor, limit: 200 } } }))),
      all((cursor) => take(client.GET('/api/v1/zones', { params: { query: { cursor, limit: 200 } } }))),
    ])
    enterprises.value = e
    sites.value = s
    zones.value = z
  })().catch((error: unknown) => {
    loading = null // the next page that needs names tries again
    throw error
  })
  return loading
}

export const zonesById = computed(() => new Map(zones.value.map((zone) => [zone.id, zone])))
const sitesById = computed(() => new Map(sites.value.map((site) => [site.id, site])))
const enterprisesById = computed(() => new Map(enterprises.value.map((enterprise) => [enterprise.id, enterprise])))

export const siteName = (id: string | null | undefined): string => (id ? (sitesById.value.get(id)?.name ?? id) : '')
export const zoneName = (id: string | null | undefined): string => (id ? (zonesById.value.get(id)?.name ?? id) : '')
export const enterpriseName = (id: string | null | undefined): string => (id ? (enterprisesById.value.get(id)?.name ?? id) : '')
export const site = (id: string | null | undefined): Site | undefined => (id ? sitesById.value.get(id) : undefined)
/** The time zone of all sites where they share one: what times of no particular site are read in. */
export const commonZone = computed(() => {
  const all = new Set(sites.value.map((s) => s.timezone))
  return all.size === 1 ? sites.value[0]?.timezone : undefined
})
export const zoneOf = (id: string | null | undefined): string | undefined => site(id)?.timezone ?? commonZone.value
