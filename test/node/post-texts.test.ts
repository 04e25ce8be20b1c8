// The post's texts, read from its notebook: as data, never run; from the pinned file and no other.
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { patience, type HubSettings } from '../../experiments/lab/models/hub/settings.ts'
import { postTexts, textsOfNotebook } from '../../experiments/lab/texts/post-texts.ts'
import { instead, startHub } from '../helpers/hub-server.ts'

const notebooks = suite('notebooks')
const notebook = (...cells: [type: string, source: string | string[]][]): string =>
  JSON.stringify({ cells: cells.map(([cell_type, source]) => ({ cell_type, source })) })

notebooks('give the texts of their one dictionary, in order', () => {
  const json = notebook(
    ['markdown', 'categories = {"no": ["code"]}'],
    ['code', 'print(len(categories))\nmy_categories = {}\n  categories = {}'],
    [
      'code',
      ['# texts\n', 'categories = {\n', '  "b": ["x,]",], "a": ["y", "z"],\n', '}\n', 'raise SystemExit\n'],
    ],
  )
  assert.equal(textsOfNotebook(json), [
    { category: 'b', text: 'x,]' },
    { category: 'a', text: 'y' },
    { category: 'a', text: 'z' },
  ])
})

notebooks('without it, with two, or with anything but texts in it, are refused', () => {
  const code = (source: string) => () => textsOfNotebook(notebook(['code', source]))
  assert.throws(code('x = 1'), /expected one line that begins "categories = \{", found 0/)
  assert.throws(code('categories = {"a": ["b"]'), /found 0/, 'not closed')
  assert.throws(code('categories = {\n}\ncategories = {\n}'), /found 2/)
  assert.throws(
    code('categories = {"a": "b"\n}'),
    /category "a": expected an array of texts, found the string "b"/,
  )
  assert.throws(code('categories = {"a": [["b"]]\n}'), /text 1 of "a": expected a string, found an array/)
  assert.throws(code("categories = {'a': open('b')\n}"), /not valid JSON at line 1, column 2/)
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
      postTexts({ ...settings, ...changed }).then(
        () => 'accepted',
        (error: Error) => error.message,
      )

    assert.match(await refusal({ offline: true }), `${LABEL}offline, and not at ${folder}`)
    assert.equal(server.requests, [])
    assert.match(await refusal(), `${LABEL}expected SHA-256 1dfc6e99`)
    server.failNext(KEY, instead(new Uint8Array(9)))
    const other = await refusal()
    assert.match(other, `${LABEL}expected 2089112 bytes, 127.0.0.1`)
    assert.match(other, 'has 9: it serves a different file; try another CLEARBOX_RAW_ENDPOINT')

    const target = join(folder, 'post/6ba88eed6ffdb377bf1fda5c14b223ffac6e2d90/notebook.ipynb')
    fs.writeFileSync(target, '{}')
    assert.match(await refusal(), `${target}: expected 2089112 bytes, found 2: delete it and run this again`)
    fs.writeFileSync(target, new Uint8Array(2_089_112))
    assert.match(await refusal({ offline: true }), `${target}: expected SHA-256 1dfc6e99`)
    fs.rmSync(folder, { recursive: true })
  },
)

notebooks.run()
