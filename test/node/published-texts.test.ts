// The post's texts, read from its notebook: as a literal, never run; from the pinned file and no other.
import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { patience, type HubSettings } from '../../experiments/lab/models/hub/settings.ts'
import { publishedTexts, textsOfNotebook } from '../../experiments/lab/texts/post-texts.ts'
import { readPythonLiteral, type PythonLiteral } from '../../experiments/lab/texts/python-literal.ts'
import { instead, startHub } from '../helpers/hub-server.ts'

const literals = suite('python literals')

literals('read strings, lists and dictionaries as Python does', () => {
  const source = `x = {  # what it is
    "a": ['it\\'s', "say \\"so\\"", "line\\nend", '\\x41\\u00e9\\U0001F600', 'two ' "parts",],
    'empty': [], "" : {},  "long\\
er": "t\\tab",
  } + whatever(`
  const read = readPythonLiteral(source, 4)
  assert.equal(
    [...(read as Map<string, PythonLiteral>)],
    [
      ['a', ["it's", 'say "so"', 'line\nend', 'Aé😀', 'two parts']],
      ['empty', []],
      ['', new Map()],
      ['longer', 't\tab'],
    ],
  )
})

const refused: [source: string, message: string][] = [
  ['__import__("os")', 'line 1, column 1: expected a string, a list or a dictionary, found "__import__'],
  ['["a" + "b"]', 'line 1, column 6: expected "," or "]"'],
  ['["a" % b]', 'expected "," or "]"'],
  ['[f"{x}"]', 'expected a string, a list'],
  ['[rb"x"]', 'expected a string, a list'],
  ['[1]', 'expected a string, a list'],
  ['("a",)', 'expected a string, a list'],
  ['{"a": x for x in y}', 'line 1, column 7: expected a string'],
  ['{"a"}', 'expected ":" after a key'],
  ['{["a"]: "b"}', 'line 1, column 2: expected a string as key'],
  ['{"a": "b",\n "a": "c"}', 'line 2, column 2: the key "a" occurs twice'],
  ['["a" "b', 'line 1, column 6: a string that is not closed'],
  ['["a\n"]', 'a string that is not closed'],
  ['"""a"""', 'a string in triple quotes is not read here'],
  ['"\\N{DASH}"', 'line 1, column 2: an escape that is not read here'],
  ['"\\xZZ"', 'an escape that is not read here'],
  ['"\\U00110000"', 'an escape that is not read here'],
  ['["a",,]', 'expected a string, a list'],
  ['["a"', 'expected "," or "]", found the end'],
  ['', 'found the end'],
  ['['.repeat(101), 'nested deeper than 100 levels'],
]
for (const [source, message] of refused)
  literals(`refuse ${JSON.stringify(source.slice(0, 30))}`, () => {
    assert.throws(
      () => readPythonLiteral(source),
      (error: Error) => error.message.includes(message),
      message,
    )
  })

literals('give back every string that JSON writes, which Python reads alike', () => {
  const string = fc.string({ unit: 'binary' })
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.tuple(string, fc.array(string)), { selector: ([key]) => key }),
      (members) => {
        const source = `{${members.map(([key, texts]) => `${JSON.stringify(key)}: ${JSON.stringify(texts)}`).join(',\n')}}`
        assert.equal([...(readPythonLiteral(source) as Map<string, PythonLiteral>)], members)
      },
    ),
    { seed: 6 },
  )
})

literals('never fail but with a position', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'{}[]:,"\'\\\n #nxu0a') }), (source) => {
      try {
        readPythonLiteral(source)
      } catch (error) {
        assert.match((error as Error).message, /^line \d+, column \d+: /)
      }
    }),
    { seed: 6, numRuns: 1000 },
  )
})

literals.run()

const notebooks = suite('notebooks')
const notebook = (...cells: [type: string, source: string | string[]][]): string =>
  JSON.stringify({ cells: cells.map(([cell_type, source]) => ({ cell_type, source })) })

notebooks('give the texts of their one dictionary, in order', () => {
  const json = notebook(
    ['markdown', 'categories = {"no": ["code"]}'],
    ['code', 'print(len(categories))\nmy_categories = {}\n  categories = {}'],
    [
      'code',
      ['# texts\n', 'categories = {\n', '  "b": ["x"], "a": ["y", "z"]\n', '}\n', 'raise SystemExit\n'],
    ],
  )
  assert.equal(textsOfNotebook(json), [
    { category: 'b', text: 'x' },
    { category: 'a', text: 'y' },
    { category: 'a', text: 'z' },
  ])
})

notebooks('without it, with two, or with anything but texts in it, are refused', () => {
  const code = (source: string) => () => textsOfNotebook(notebook(['code', source]))
  assert.throws(code('x = 1'), /expected one line that begins "categories = \{", found 0/)
  assert.throws(code('categories = {}\ncategories = {}'), /found 2/)
  assert.throws(code('categories = {"a": "b"}'), /category "a" is not a list of strings/)
  assert.throws(code('categories = {"a": [["b"]]}'), /category "a" is not a list of strings/)
})

const KEY =
  'TheBuleGanteng/interpretability-prototyping/6ba88eed6ffdb377bf1fda5c14b223ffac6e2d90/notebooks/phase_1_SAE_comparison_v2.ipynb'
const LABEL = 'TheBuleGanteng/interpretability-prototyping: notebooks/phase_1_SAE_comparison_v2.ipynb: '

notebooks(
  'other than the pinned one are refused, from the server and on the disk; offline asks nobody',
  async () => {
    await using server = await startHub(
      { [KEY]: { content: new Uint8Array(2_089_112), large: true } },
      'f'.repeat(40),
    )
    const folder = fs.mkdtempSync(join(tmpdir(), 'clearbox-texts-'))
    const settings: HubSettings = {
      endpoint: server.endpoint,
      rawEndpoint: server.store,
      cacheFolder: folder,
      ownCacheFolder: folder,
      offline: false,
      patience: { ...patience, backoffMs: 1 },
    }
    const refusal = async (changed: Partial<HubSettings> = {}) =>
      publishedTexts({ ...settings, ...changed }).then(
        () => 'accepted',
        (error: Error) => error.message,
      )

    assert.match(await refusal({ offline: true }), `${LABEL}offline, and not at ${folder}`)
    assert.equal(server.requests, [])
    assert.match(await refusal(), `${LABEL}expected SHA-256 1dfc6e99`)
    server.failNext(KEY, instead(new Uint8Array(9)))
    const other = await refusal()
    assert.match(other, `${LABEL}expected 2089112 bytes, 127.0.0.1`)
    assert.match(other, 'has 9: it serves another file; try another CLEARBOX_RAW_ENDPOINT')

    const target = join(folder, 'post/6ba88eed6ffdb377bf1fda5c14b223ffac6e2d90/notebook.ipynb')
    fs.writeFileSync(target, '{}')
    assert.match(await refusal(), `${target}: expected SHA-256 1dfc6e99`)
    fs.rmSync(folder, { recursive: true })
  },
)

notebooks.run()
