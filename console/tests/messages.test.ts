// Both languages say the same things: the same keys, the same places to fill, and every fixed key that the pages use.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { messages } from '@/messages'

function flat(tree: object, path = ''): Map<string, string> {
  const texts = new Map<string, string>()
  for (const [key, value] of Object.entries(tree)) {
    if (typeof value === 'string') texts.set(path + key, value)
    else for (const [k, v] of flat(value as object, `${path}${key}.`)) texts.set(k, v)
  }
  return texts
}

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    return entry.isDirectory() ? sources(path) : /\.(vue|ts)$/.test(entry.name) && !path.includes('types.ts') ? [path] : []
  })
}

const texts = { en: flat(messages.en), zh: flat(messages.zh) }
const places = (text: string): string[] => [...new Set(text.match(/\{\w+\}/g) ?? [])].sort()

describe('messages', () => {
  it('have identical keys in both languages', () => {
    expect([...texts.zh.keys()].sort()).toEqual([...texts.en.keys()].sort())
  })

  it('are never empty, and have the same places to fill', () => {
    for (const [key, text] of texts.en) {
      expect(text, key).not.toBe('')
      expect(texts.zh.get(key), key).not.toBe('')
      expect(places(texts.zh.get(key) ?? ''), key).toEqual(places(text))
    }
  })

  it('hold every key that a page names', () => {
    const missing: string[] = []
    let named = 0
    for (const file of sources(join(__dirname, '../src'))) {
      for (const [, key] of readFileSync(file, 'utf8').matchAll(/\bt\('([a-z_0-9.-]+)'/g)) {
        named++
        if (!texts.en.has(key as string)) missing.push(`${file}: ${key}`)
      }
    }
    expect(missing).toEqual([])
    expect(named).toBeGreaterThan(200)
  })

  it('name every state and class that the service can send', () => {
    const document = JSON.parse(readFileSync(join(__dirname, '../openapi.json'), 'utf8')) as { components: { schemas: Record<string, { properties: Record<string, { enum?: string[] }> }> } }
    const property = (shape: string, name: string): string[] => Object.entries(document.components.schemas)
      .filter(([key]) => key === shape || key.endsWith(`__${shape}`)) // a name that two files have carries its file
      .flatMap(([, found]) => found.properties[name]?.enum ?? [])
    const checked: [string, string[]][] = [
      ['severity', property('AlarmShape', 'severity')], ['order_state', property('OrderShape', 'state')], ['class', property('CircuitSeen', 'circuit_class')],
      ['hazard_state', property('HazardShape', 'state')], ['hazard_act', property('HazardStepShape', 'act')], ['signal', property('TransitionShape', 'signal')],
      ['source', property('HazardShape', 'source')], ['action', property('OrderShape', 'action')], ['progress', property('ProgressAsk', 'step')], ['verdict', property('VerdictAsk', 'verdict')],
      ['role', property('GrantAsk', 'role')], ['node', property('GrantAsk', 'node_kind')],
    ]
    for (const [group, values] of checked) {
      expect(values.length, group).toBeGreaterThan(1)
      for (const value of values) expect(texts.en.has(`${group}.${value}`), `${group}.${value}`).toBe(true)
    }
  })
})
