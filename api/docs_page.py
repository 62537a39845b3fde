"""The API's documentation page, in one file without anything from another host: it reads openapi.json and lists what is there."""

from __future__ import annotations

DOCS = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Sitewarden API</title>
<meta name="viewport" content="width=device-width">
<style>
:root { color-scheme: light dark; --line: #8884; --quiet: #8889 }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem }
h2 { margin: 2rem 0 .5rem; text-transform: capitalize }
details { border-top: 1px solid var(--line); padding: .35rem 0 }
summary { cursor: pointer; display: flex; gap: .75rem; align-items: baseline; flex-wrap: wrap }
.verb { font: 600 12px ui-monospace, monospace; min-width: 3.6rem }
code, pre { font-family: ui-monospace, monospace; font-size: 13px }
pre { overflow-x: auto; padding: .5rem; border: 1px solid var(--line) }
.said { opacity: .75 }
table { border-collapse: collapse } td { padding: .1rem .75rem .1rem 0; vertical-align: top }
</style></head><body>
<h1>Sitewarden API</h1>
<p>The whole document: <a href="openapi.json">openapi.json</a> (OpenAPI 3.1; any client generator reads it).
Sign in with <code>POST /api/v1/auth/login</code>; a program sends the token as <code>Authorization: Bearer</code>, a browser has it
as a cookie and sends <code>X-CSRF-Token</code> with every change.</p>
<div id="all">Reading openapi.json …</div>
<script>
const make = (tag, text, cls) => {
  const e = document.createElement(tag); if (text) e.textContent = text; if (cls) e.className = cls
  return e
}
fetch('openapi.json').then(r => r.json()).then(doc => {
  const all = document.getElementById('all'); all.textContent = ''
  const shape = (schema, depth = 0) => {
    if (!schema || depth > 6) return '…'
    if (schema.$ref) return shape(doc.components.schemas[schema.$ref.split('/').pop()], depth + 1)
    if (schema.anyOf) return schema.anyOf.map(s => shape(s, depth)).join(' | ')
    if (schema.enum) return schema.enum.map(v => JSON.stringify(v)).join(' | ')
    if (schema.const !== undefined) return JSON.stringify(schema.const)
    if (schema.type === 'array') return '[ ' + shape(schema.items, depth) + ' ]'
    if (schema.properties) {
      const pad = '  '.repeat(depth + 1)
      return '{\\n' + Object.entries(schema.properties).map(([k, v]) =>
        pad + k + ((schema.required || []).includes(k) ? '' : '?') + ': ' + shape(v, depth + 1))
        .join('\\n') + '\\n' + '  '.repeat(depth) + '}'
    }
    return schema.format || schema.type || 'any'
  }
  const groups = {}
  for (const [path, verbs] of Object.entries(doc.paths)) for (const [verb, op] of Object.entries(verbs))
    (groups[(op.tags || ['other'])[0]] ||= []).push([path, verb, op])
  for (const [tag, ops] of Object.entries(groups)) {
    all.append(make('h2', tag))
    for (const [path, verb, op] of ops) {
      const d = make('details'), s = make('summary')
      s.append(make('span', verb.toUpperCase(), 'verb'), make('code', path), make('span', (op.description || '').split('\\n')[0], 'said'))
      d.append(s)
      if (op.parameters) {
        const t = make('table')
        for (const p of op.parameters) {
          const r = make('tr')
          r.append(make('td', p.name + (p.required ? '' : '?')), make('td', p.in))
          r.append(make('td', shape(p.schema)), make('td', p.description || ''))
          t.append(r)
        }
        d.append(t)
      }
      const body = op.requestBody && Object.values(op.requestBody.content)[0]
      if (body) d.append(make('p', 'takes'), make('pre', shape(body.schema)))
      for (const [code, answer] of Object.entries(op.responses)) {
        if (!code.startsWith('2')) continue
        const content = answer.content && Object.values(answer.content)[0]
        d.append(make('p', code + ' gives'), make('pre', content ? shape(content.schema) : 'nothing'))
      }
      all.append(d)
    }
  }
})
</script></body></html>
"""
