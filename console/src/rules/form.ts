/** What the parts of the rule form share: the data, how it is changed, and which problems belong to which field. */
import { inject, provide, type InjectionKey, type Ref } from 'vue'
import { either, i18n } from '@/messages'
import type { components } from '@/api/types'
import type { Data } from './draft'

export type RuleProblem = components['schemas']['ProblemShape']
export type Check = components['schemas']['CheckShape']

export interface Form {
  data: Readonly<Ref<Data>>
  problems: Readonly<Ref<RuleProblem[]>>
  set(path: readonly (string | number)[], value: unknown): void
  replace(data: Data): void
}

const KEY: InjectionKey<Form> = Symbol('rule form')
export const provideForm = (form: Form): void => provide(KEY, form)

export function useForm(): Form {
  const form = inject(KEY)
  if (!form) throw new Error('a part of the rule form outside of it')
  return form
}

/** What is allowed, with the clause, in the language of the screen. */
const allowedText = (problem: RuleProblem): string => either(problem.allowed, problem.allowed_zh)

/** All that is said of a problem: what was given and what is allowed; of an expression the sentence of its own. */
export function problemText(problem: RuleProblem): string {
  const { t } = i18n.global
  if (problem.allowed === 'YAML') return problem.given
  if (problem.pointer === '/expression' || problem.pointer === '/only_while') return either(`${problem.given}; ${problem.allowed}`, problem.allowed_zh)
  const given = givenText(problem)
  return `${given ? `${t('rules.given', { given })} ` : ''}${t('rules.allowed', { allowed: allowedText(problem) })}`
}

/** What was given, where it says anything; Python's words for nothing are not for people. */
const givenText = (problem: RuleProblem): string => (['None', 'nothing', '[]', "''", ''].includes(problem.given) ? '' : problem.given)
