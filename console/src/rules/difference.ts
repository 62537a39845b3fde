/** What a backtest's result says, counted as its picture draws it: kept, lost and new by local day. */
import type { components } from '@/api/types'
import { clock } from '@/looks/time'

export type Backtest = components['schemas']['BacktestShape']
export type Result = components['schemas']['ResultShape']
export type Episode = components['schemas']['EpisodeShape']
export type Fate = 'kept' | 'lost' | 'new'

export interface Drawn { episode: Episode; fate: Fate; from: number; to: number }

/** All episodes of a result with their fate; without a version to compare with, all are new. Of a kept one, as the tried version has it. */
export function drawn(result: Result): Drawn[] {
  const until = Date.parse(result.until_at)
  const one = (episode: Episode, fate: Fate): Drawn => ({ episode, fate, from: Date.parse(episode.from_at), to: episode.until_at ? Date.parse(episode.until_at) : until })
  const d = result.difference
  if (!d) return result.tried.episodes.map((e) => one(e, 'new'))
  return [...d.kept.map((p) => one(p.tried, 'kept')), ...d.lost.map((e) => one(e, 'lost')), ...d.new.map((e) => one(e, 'new'))].sort((a, b) => a.from - b.from)
}

/** Every local day from the first to the last, with how many episodes of each fate began on it. */
export function byDay(all: Drawn[], from: number, to: number, zone?: string): { day: string; kept: number; lost: number; new: number }[] {
  const days = new Map<string, { day: string; kept: number; lost: number; new: number }>()
  for (let at = from; at < to; at += 21_600_000) put(clock(at, zone).slice(0, 10))
  put(clock(Math.max(from, to - 1), zone).slice(0, 10))
  function put(day: string): { day: string; kept: number; lost: number; new: number } {
    const there = days.get(day) ?? { day, kept: 0, lost: 0, new: 0 }
    days.set(day, there)
    return there
  }
  for (const { from: at, fate } of all) put(clock(at, zone).slice(0, 10))[fate]++
  return [...days.values()].sort((a, b) => (a.day < b.day ? -1 : 1))
}

/** The lists of a result are the first of each; whether some are missing in them. */
export function isPartial(result: Result): boolean {
  const d = result.difference
  if (!d) return result.tried.raised > result.tried.episodes.length
  return d.kept_total > d.kept.length || d.lost_total > d.lost.length || d.new_total > d.new.length
}

/** Raises by zone: the tried version's and the present one's. */
export function byZone(result: Result): { zone: string; tried: number; present: number }[] {
  const zones = new Map<string, { zone: string; tried: number; present: number }>()
  for (const [which, version] of [['tried', result.tried], ['present', result.present]] as const) {
    for (const c of version?.by_day_and_zone ?? []) {
      const there = zones.get(c.zone_id) ?? { zone: c.zone_id, tried: 0, present: 0 }
      there[which] += c.raised
      zones.set(c.zone_id, there)
    }
  }
  return [...zones.values()].sort((a, b) => b.tried + b.present - a.tried - a.present)
}
