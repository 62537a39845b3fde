// Correctness and Vue's recommended rules; layout of text is left to the writer.
import js from '@eslint/js'
import vue from 'eslint-plugin-vue'
import globals from 'globals'
import ts from 'typescript-eslint'

export default ts.config(
  // generated: the build, the API's types, the list of imported components
  { ignores: ['dist/', 'src/api/types.ts', 'src/components.d.ts'] },
  js.configs.recommended,
  ...ts.configs.strict,
  ...vue.configs['flat/essential'],
  { files: ['**/*.vue'], languageOptions: { parserOptions: { parser: ts.parser } } },
  {
    languageOptions: { globals: { ...globals.browser } },
    rules: {
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-console': 'error',
      'no-undef': 'off', // the compiler knows better
      'vue/multi-word-component-names': 'off', // pages are single nouns
      '@typescript-eslint/consistent-type-imports': 'error',
    },
  },
)
