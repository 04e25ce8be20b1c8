import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { scaledColumns, scaledRows } from '../../engine/weights/scaled.ts'
import { readTensor, sourceOf } from '../../engine/weights/weights.ts'
import { anySeed, anyWidth, holds, randomTensor } from '../helpers/random.ts'

const test = suite('scaled weights')

test('rows, columns, or all times one number, however the source is read', async () => {
  await holds([anyWidth, anyWidth, anySeed], async (rows, width, seed) => {
    const weight = randomTensor([rows, width], seed)
    const source = sourceOf('w', weight)
    const byRow = randomTensor([rows], seed + 1).data
    const byColumn = randomTensor([width], seed + 2).data
    for (const [scaled, factor] of [
      [scaledRows(source, byRow), (r: number) => byRow[r]],
      [scaledRows(source, 3), () => 3],
      [scaledColumns(source, byColumn), (_: number, j: number) => byColumn[j]],
    ] as const) {
      const expected = weight.data.map((value, i) => value * factor(Math.floor(i / width), i % width))
      assert.equal((await readTensor(scaled)).data, expected)
      const middle = new Float32Array(Math.max(0, expected.length - 2))
      await scaled.read(middle, 1)
      assert.equal(middle, expected.slice(1, 1 + middle.length))
    }
    const vector = scaledColumns(sourceOf('b', randomTensor([width], seed + 3)), byColumn)
    const expected = randomTensor([width], seed + 3).data.map((value, j) => value * byColumn[j])
    assert.equal((await readTensor(vector)).data, expected)
  })
})

test.run()
