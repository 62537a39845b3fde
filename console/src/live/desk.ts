/**
 * This desk: the open alarms and orders as the live stream tells them, whether the stream can be trusted, and the sound. One per page
 * load. When the stream is lost or the session ends, what was last known stays on the wall and is marked as such.
 */
import { computed, ref, shallowRef, triggerRef } from 'vue'
import type { Alarm, Fact, Hazard, Health, LiveEvents, Order } from '@/api/shapes'
import { API } from '@/api/client'
import { alarmLook, needsAcknowledging } from '@/looks/severity'
import { setServerOffset } from '@/looks/time'
import { Board, countsOf, type Order as BoardOrder } from './board'
import { Siren } from './siren'
import { patternFor, Silenced } from './sounding'
import { openStream, type Stream, type StreamEvent, type StreamState } from './stream'

/** How long a lost stream stays quiet, so that a restart of the service is seen but does not frighten. */
const LOST_GRACE_MS = 4_000
/** Rows are redrawn at most this often, however many events come; a long list less often, so that the page stays quick to the hand. */
const REDRAW_MS = 40
const REDRAW_ROWS_A_MS = 100

export const streamState = ref<StreamState>('connecting')
export const heardAt = ref(0)
export const lostAt = ref(0)
export const hasSnapshot = ref(false)
export const health = shallowRef<Health | null>(null)
export const alarms = shallowRef<Alarm[]>([])
export const orders = shallowRef(new Map<string, Order>())
/** What stands besides alarms and orders (runs, lock-outs, shelves...), by `kind/id`. */
export const facts = shallowRef(new Map<string, Fact>())
export const counts = computed(() => countsOf(alarms.value))
export const soundAllowed = ref(false)
export const sounding = ref<string | null>(null)
export const isSilenced = ref(false)
/** What a screen reader is told. */
export const announced = shallowRef<{ alarms: Alarm[]; at: number }>({ alarms: [], at: 0 })

const board = new Board()
const silenced = new Silenced()
const siren = new Siren((allowed) => (soundAllowed.value = allowed))
const listeners = {
  alarm: new Set<(event: LiveEvents['alarm']) => void>(),
  order: new Set<(event: LiveEvents['order']) => void>(),
  hazard: new Set<(event: LiveEvents['hazard']) => void>(),
  fact: new Set<(event: Fact) => void>(),
}
interface Told extends Pick<LiveEvents, 'alarm' | 'order' | 'hazard'> {
  fact: Fact
}
let stream: Stream | null = null
let redraw: ReturnType<typeof setTimeout> | null = null
let lostIsSilenced = false
let fresh: Alarm[] = []

/** Listens to one kind of event; returns the function that ends it. */
export function listen<K extends keyof Told>(kind: K, hear: (event: Told[K]) => void): () => void {
  const set = listeners[kind] as Set<(event: Told[K]) => void>
  set.add(hear)
  return () => set.delete(hear)
}

function isDeaf(): boolean {
  const gone = streamState.value === 'lost' || streamState.value === 'signed_out'
  return gone && !lostIsSilenced && Date.now() - lostAt.value > LOST_GRACE_MS
}

function sound(): void {
  const pattern = patternFor(alarms.value, silenced, isDeaf())
  sounding.value = pattern
  siren.play(pattern)
  isSilenced.value = !pattern && alarms.value.some((alarm) => silenced.covers(alarm) && needsAcknowledging(alarmLook(alarm)))
}

function draw(): void {
  redraw = null
  alarms.value = board.list()
  triggerRef(orders)
  triggerRef(facts)
  if (fresh.length) announced.value = { alarms: fresh, at: Date.now() }
  fresh = []
  sound()
}

function drawSoon(): void {
  redraw ??= setTimeout(draw, REDRAW_MS + board.size / REDRAW_ROWS_A_MS)
}

/** News about one alarm, from the stream or from the answer to an act. */
export function learn(alarm: Alarm): void {
  const before = board.apply(alarm)
  if (before === null) return
  silenced.forget(alarm)
  const calls = !alarm.ended_at && alarm.attention !== 'suppressed'
  if (calls && (!before || before.attention === 'suppressed')) fresh.push(alarm)
  drawSoon()
}

export function learnOrder(order: Order): void {
  const present = orders.value.get(order.id)
  if (present && present.seq >= order.seq) return
  orders.value.set(order.id, order)
  drawSoon()
}

export function learnHazard(event: { hazard: Hazard; step: LiveEvents['hazard']['step'] }): void {
  for (const hear of listeners.hazard) hear(event)
}

/** A fact that is over is told to listeners and stands no more. */
export function learnFact(fact: Fact): void {
  const key = `${fact.kind}/${fact.id}`
  if ((facts.value.get(key)?.changed_at ?? '') > fact.changed_at) return
  if (fact.is_over) facts.value.delete(key)
  else facts.value.set(key, fact)
  for (const tell of listeners.fact) tell(fact)
  drawSoon()
}

function hear(event: StreamEvent): void {
  if (event.kind === 'snapshot') {
    const snapshot = JSON.parse(event.text) as LiveEvents['snapshot']
    board.replace(snapshot.alarms)
    orders.value = new Map(snapshot.orders.map((order) => [order.id, order]))
    facts.value = new Map(snapshot.facts.map((fact) => [`${fact.kind}/${fact.id}`, fact]))
    health.value = snapshot.health
    setServerOffset(Date.parse(snapshot.at) - Date.now())
    hasSnapshot.value = true
    draw()
  } else if (event.kind === 'alarm') {
    const news = JSON.parse(event.text) as LiveEvents['alarm']
    learn(news.alarm)
    for (const tell of listeners.alarm) tell(news)
  } else if (event.kind === 'order') {
    const news = JSON.parse(event.text) as LiveEvents['order']
    learnOrder(news.order)
    for (const tell of listeners.order) tell(news)
  } else if (event.kind === 'hazard') {
    learnHazard(JSON.parse(event.text) as LiveEvents['hazard'])
  } else if (event.kind === 'health') {
    health.value = JSON.parse(event.text) as Health
  } else {
    const news = JSON.parse(event.text) as Partial<Fact>
    if (news.kind === event.kind && news.body) learnFact(news as Fact)
  }
}

export function startDesk(): void {
  if (stream) return
  stream = openStream(`${API}/live`, {
    event: hear,
    heard: () => (heardAt.value = Date.now()),
    clock: setServerOffset,
    state(state) {
      if (state === 'lost' || state === 'signed_out') {
        if (streamState.value === 'live' || streamState.value === 'connecting') {
          lostAt.value = Date.now()
          lostIsSilenced = false
          setTimeout(sound, LOST_GRACE_MS + 100)
        }
      }
      streamState.value = state
      sound()
    },
  })
}

export function stopDesk(): void {
  stream?.close()
  stream = null
  board.replace([])
  orders.value = new Map()
  facts.value = new Map()
  hasSnapshot.value = false
  streamState.value = 'connecting'
  draw()
}

export function reconnect(): void {
  stream?.retry()
}

export function sortBy(order: BoardOrder): void {
  board.reorder(order)
  draw()
}

export function allowSound(): Promise<boolean> {
  return siren.allow()
}

/** Stops the sound of this desk only. Acknowledges nothing; a new alarm sounds again. */
export function silence(): Alarm[] {
  const stopped = alarms.value.filter((alarm) => needsAcknowledging(alarmLook(alarm)))
  silenced.silence(stopped)
  lostIsSilenced = true
  sound()
  return stopped
}

export function alarmNow(id: string): Alarm | undefined {
  return board.get(id)
}

/** The standing facts of one kind. */
export function factsOf(kind: string): Fact[] {
  return [...facts.value.values()].filter((fact) => fact.kind === kind)
}

/** Orders of one alarm or circuit, newest first. */
export function ordersOf(match: (order: Order) => boolean): Order[] {
  return [...orders.value.values()].filter(match).sort((a, b) => Date.parse(b.requested_at) - Date.parse(a.requested_at))
}

