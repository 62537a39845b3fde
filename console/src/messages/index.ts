/** The two languages of the console. The browser's language decides first, then what was chosen on this desk. */
import { createI18n } from 'vue-i18n'
import { accessEn } from './access.en'
import { accessZh } from './access.zh'
import { alarmsEn } from './alarms.en'
import { alarmsZh } from './alarms.zh'
import { en } from './en'
import { hazardsEn } from './hazards.en'
import { hazardsZh } from './hazards.zh'
import { powerEn } from './power.en'
import { powerZh } from './power.zh'
import { rulesEn } from './rules.en'
import { rulesZh } from './rules.zh'
import { zh } from './zh'

export type Locale = 'zh' | 'en'
const KEY = 'sitewarden.locale'

type Texts = Record<string, Record<string, string | Record<string, string>>>

/** Files of texts as one: groups that several files have are joined. */
function merged(...files: Texts[]): Texts {
  const all: Texts = {}
  for (const file of files) for (const [group, texts] of Object.entries(file)) all[group] = { ...all[group], ...texts }
  return all
}

export const messages = { zh: merged(zh, accessZh, alarmsZh, hazardsZh, powerZh, rulesZh), en: merged(en, accessEn, alarmsEn, hazardsEn, powerEn, rulesEn) }

function first(): Locale {
  const kept = localStorage.getItem(KEY)
  if (kept === 'zh' || kept === 'en') return kept
  return navigator.language.toLowerCase().startsWith('en') ? 'en' : 'zh'
}

export const i18n = createI18n({ legacy: false, locale: first(), fallbackLocale: 'en', messages })

export function speak(locale: Locale): void {
  i18n.global.locale.value = locale
  localStorage.setItem(KEY, locale)
  document.documentElement.lang = locale === 'zh' ? 'zh-CN' : 'en'
}

/** Of a text that comes in both languages, the one of the person; the other where it is missing. */
export function either(english: string | null | undefined, chinese: string | null | undefined): string {
  return (i18n.global.locale.value === 'zh' ? chinese || english : english || chinese) ?? ''
}

/** The name in the present language of something that carries both. */
export function named(thing: { name: string; name_en: string }): string {
  return i18n.global.locale.value === 'en' && thing.name_en ? thing.name_en : thing.name
}

speak(i18n.global.locale.value as Locale)
