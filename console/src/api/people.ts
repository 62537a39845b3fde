/** Who can be given an alarm at a site, with names: read once a site, for lists of persons and for ids in facts. */
import { shallowRef } from 'vue'
import { client, take } from './client'
import type { components } from './types'

export type Assignee = components['schemas']['Assignee']
export type OnDuty = components['schemas']['OnDutyShape']

const bySite = shallowRef(new Map<string, Assignee[]>())
const asked = new Map<string, Promise<void>>()

export function loadPeople(siteId: string): Promise<void> {
  let reading = asked.get(siteId)
  if (!reading) {
    reading = (async () => {
      const got = await take(client.GET('/api/v1/assignees', { params: { query: { site: siteId } } }))
      bySite.value = new Map(bySite.value).set(siteId, got.items)
    })()
    reading.catch(() => asked.delete(siteId))
    asked.set(siteId, reading)
  }
  return reading
}

export const peopleOf = (siteId: string): Assignee[] => bySite.value.get(siteId) ?? []

/** The name of a person's id, as far as it is known here; the id where it is not. */
export function personName(id: string | null | undefined): string {
  if (!id) return ''
  for (const people of bySite.value.values()) for (const person of people) if (person.id === id) return person.name
  return id
}

/** Who is on duty at a site now: of every enabled roster of the site, and of those for all sites. */
export async function onDuty(siteId: string): Promise<OnDuty[]> {
  const page = await take(client.GET('/api/v1/duty-rosters', { params: { query: { site: siteId, limit: 50 } } }))
  return page.items.filter((roster) => roster.enabled).flatMap((roster) => roster.on_duty)
}
