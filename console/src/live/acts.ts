/** What a person does to alarms from any page. Each answer is learnt at once, before the stream repeats it. */
import { client, take } from '@/api/client'
import type { Alarm } from '@/api/shapes'
import { learn, silence } from './desk'

/** The service takes so many alarms in one request. */
const MANY = 1000

export async function acknowledge(ids: readonly string[], note = ''): Promise<number> {
  let done = 0
  for (let from = 0; from < ids.length; from += MANY) {
    const answer = await take(client.POST('/api/v1/alarms/acknowledge', { body: { alarm_ids: ids.slice(from, from + MANY), note } }))
    for (const alarm of answer.items) learn(alarm)
    done += answer.items.length
  }
  return done
}

export async function reset(ids: readonly string[], note = ''): Promise<void> {
  const answer = await take(client.POST('/api/v1/alarms/reset', { body: { alarm_ids: [...ids], note } }))
  for (const alarm of answer.items) learn(alarm)
}

/** Stops this desk's sound at once; that it was stopped is told to the service, and never waits for it. */
export function silenceDesk(): void {
  const stopped: Alarm[] = silence()
  if (stopped.length) void client.POST('/api/v1/alarms/silence', { body: { alarm_ids: stopped.slice(0, MANY).map((a) => a.id), desk: '' } }).catch(() => undefined)
}
