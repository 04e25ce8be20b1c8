// What the linter asks of the code.
import tseslint from 'typescript-eslint'

export default tseslint.config(
  { ignores: ['node_modules/', '**/node_modules/', 'results/', 'dist/', 'bench/results/'] },
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      // Node loads the file of `import { type A } from`, which the walls take for a type-only import.
      '@typescript-eslint/no-import-type-side-effects': 'error',
      'no-restricted-syntax': [
        'error',
        {
          selector:
            'ExportNamedDeclaration[exportKind="value"][source]:has(ExportSpecifier):not(:has(ExportSpecifier[exportKind="value"]))',
          message: 'Write `export type { A } from`: Node loads the file of `export { type A } from`.',
        },
      ],
      'no-restricted-imports': [
        'error',
        {
          paths: [
            {
              name: 'htm/preact',
              message: 'Import html of experiments/lab/report/html.ts: htm keeps whole pages.',
            },
          ],
        },
      ],
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      eqeqeq: 'error',
      'no-console': 'off',
    },
  },
  // What commands print goes through lab/cli/print.ts; the examples are other people's programs.
  {
    files: ['experiments/**/*.ts'],
    ignores: ['experiments/explorer/**', 'experiments/examples/**'],
    rules: { 'no-console': 'error' },
  },
  { files: ['**/*.js'], ...tseslint.configs.disableTypeChecked },
)
