/**
 * A rule while it is written: as data (the form) and as YAML text, always the same rule. A change by form is put into the text field by
 * field, so that what a person wrote beside it (comments, order) stays; nothing is lost by going from one to the other.
 */
import { Document, isMap, isScalar, isSeq, parseDocument, type Node, type Pair, type YAMLMap, type YAMLSeq } from 'yaml'

export type Data = Record<string, unknown>

export interface Parsed {
  data: Data | null
  /** What is no YAML, in the parser's words, with its place from 1. */
  problem: { text: string; line: number; column: number } | null
}

const ORDER = ['id', 'name', 'kind', 'enabled', 'metric', 'unit', 'expression', 'over', 'of', 'votes', 'window_s', 'per_s', 'statistic', 'weighting', 'share_of', 'tolerance', 'covered', 'relative_to',
  'states', 'severity', 'intervals', 'above', 'below', 'hold_s', 'clear_hold_s', 'latched', 'schedule', 'only_while', 'scope', 'guidance', 'source']
const FLOW = new Set(['name', 'scope', 'schedule', 'votes', 'share_of', 'states'])

export function parseText(text: string): Parsed {
  const doc = parseDocument(text, { prettyErrors: false })
  const wrong = doc.errors[0]
  if (wrong) return { data: null, problem: { text: wrong.message, ...placeOf(text, wrong.pos[0]) } }
  const made: unknown = doc.toJS({ maxAliasCount: 0 })
  if (typeof made !== 'object' || made === null || Array.isArray(made)) return { data: null, problem: { text: 'id: …', line: 1, column: 1 } }
  return { data: made as Data, problem: null }
}

/** Line and column, from 1, of a place in a text. */
export function placeOf(text: string, at: number): { line: number; column: number } {
  const before = text.slice(0, at).split('\n')
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 }
}

/** The text of data that nobody wrote as text yet. */
export function textOf(data: Data): string {
  const known = ORDER.filter((field) => field in data)
  const ordered: Data = {}
  for (const field of [...known, ...Object.keys(data).filter((field) => !ORDER.includes(field))]) ordered[field] = data[field]
  const doc = new Document(ordered)
  if (isMap(doc.contents)) for (const pair of doc.contents.items) style(pair as Pair<Node, Node>)
  return shown(doc)
}

/** The text with this data in it: only what differs is changed. A text that is no YAML is replaced. */
export function patchText(text: string, data: Data): string {
  const doc = parseDocument(text, { prettyErrors: false })
  if (doc.errors.length || !isMap(doc.contents)) return textOf(data)
  if (same(doc.toJS(), data)) return text
  merge(doc, doc.contents, data)
  return shown(doc)
}

export function same(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null || Array.isArray(a) !== Array.isArray(b)) return false
  const names = new Set([...Object.keys(a), ...Object.keys(b)])
  return [...names].every((name) => name in a && name in b && same((a as Data)[name], (b as Data)[name]))
}

/** A copy without these fields. */
export function without(data: Data, ...fields: string[]): Data {
  return Object.fromEntries(Object.entries(data).filter(([field]) => !fields.includes(field)))
}

/** A copy with the value at a path (`above`, 0, `limit`) changed; undefined takes it out, and with it lists and mappings left empty. */
export function withValue(data: Data, path: readonly (string | number)[], value: unknown): Data {
  const made = put(data, path, value)
  return (made ?? {}) as Data
}

export function valueAt(data: unknown, path: readonly (string | number)[]): unknown {
  let at = data
  for (const step of path) at = typeof at === 'object' && at !== null ? (at as Data)[step] : undefined
  return at
}

function put(at: unknown, path: readonly (string | number)[], value: unknown): unknown {
  const [step, ...rest] = path
  if (step === undefined) return value
  if (typeof step === 'number') {
    const list = Array.isArray(at) ? [...(at as unknown[])] : []
    const made = put(list[step], rest, value)
    if (made === undefined) list.splice(step, 1)
    else list[step] = made
    return list.length ? list : undefined
  }
  const map: Data = typeof at === 'object' && at !== null && !Array.isArray(at) ? { ...at } : {}
  const made = put(map[step], rest, value)
  if (made === undefined) Reflect.deleteProperty(map, step)
  else map[step] = made
  return rest.length === 0 || Object.keys(map).length || path.length === 1 ? map : undefined
}

function merge(doc: Document, node: YAMLMap, data: Data): void {
  for (const name of node.items.map((pair) => String(isScalar(pair.key) ? pair.key.value : pair.key))) if (!(name in data)) node.delete(name)
  for (const [name, value] of Object.entries(data)) {
    const there: unknown = node.get(name, true)
    if (isMap(there) && typeof value === 'object' && value !== null && !Array.isArray(value)) merge(doc, there, value as Data)
    else if (isSeq(there) && Array.isArray(value) && there.items.length === value.length && value.every((each) => typeof each === 'object')) {
      there.items.forEach((item, i) => { if (isMap(item)) merge(doc, item, value[i] as Data) })
    } else if (isScalar(there) && (typeof value !== 'object' || value === null)) {
      if (!Object.is(there.value, value)) there.value = value
    } else if (!isNode(there) || !same(plain(there), value)) {
      node.set(name, doc.createNode(value))
      const pair = node.items.find((each) => isScalar(each.key) && each.key.value === name)
      if (pair) style(pair as Pair<Node, Node>)
    }
  }
}

const isNode = (thing: unknown): thing is YAMLMap | YAMLSeq => isMap(thing) || isSeq(thing)
const plain = (node: YAMLMap | YAMLSeq): unknown => JSON.parse(JSON.stringify(node)) as unknown

function style(pair: Pair<Node, Node>): void {
  const name = isScalar(pair.key) ? String(pair.key.value) : ''
  const value = pair.value
  if (FLOW.has(name) && isNode(value)) value.flow = true
  else if (isSeq(value)) for (const item of value.items) if (isMap(item)) item.flow = true
}

/** In one line what fits in one; numbers as they are. */
function shown(doc: Document): string {
  return doc.toString({ lineWidth: 0, flowCollectionPadding: false })
}
