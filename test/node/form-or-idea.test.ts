// Surface form or idea: planted features of each kind and what is said of them, and every figure against a naive twin.
import { piecesOf } from '../../gpt2/pieces.ts'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { meanSparseRows, positiveEntries, toDense, type SparseRows } from '../../engine/sparse.ts'
import { Tensor } from '../../engine/tensor.ts'
import { analyseLayer, compareCells, tokenShares } from '../../experiments/form-or-idea/analysis.ts'
import { answers, overallAnswer, overallFigures, showCosine } from '../../experiments/form-or-idea/answer.ts'
import { createDesign, labelsOf, relationOf, type Design } from '../../experiments/form-or-idea/design.ts'
import { jackknifeError } from '../../experiments/form-or-idea/jackknife.ts'
import { shuffledLabels } from '../../experiments/lab/analysis/null-model.ts'
import {
  cellCosines,
  dotProducts,
  meanByRelation,
  topOverlap,
} from '../../experiments/form-or-idea/similarity.ts'
import { findSpecialists, type Specialist } from '../../experiments/form-or-idea/specialists.ts'
import { symbolShare, tokenKinds, type TokenKind } from '../../experiments/form-or-idea/token-kinds.ts'
import matchedTexts from '../../experiments/form-or-idea/texts.json' with { type: 'json' }
import { stepWithin } from '../../experiments/lab/report/matrix.ts'
import { createTokenizer } from '../../gpt2/tokenizer.ts'
import { randomNumbers } from '../helpers/random.ts'

const near = (found: number | null | undefined, expected: number, limit = 1e-9): void =>
  assert.ok(
    typeof found === 'number' && Math.abs(found - expected) <= limit,
    `${found}, expected ${expected}`,
  )

const sparse = (dense: readonly (readonly number[])[]): SparseRows =>
  positiveEntries(Tensor.of([dense.length, dense[0].length], dense.flat()))

const list = <T>(length: number, make: (i: number) => T): T[] => Array.from({ length }, (_, i) => make(i))

/** `topics` topics in `forms` forms, each text its own. */
function sampleDesign(topics: number, forms: number, ideas: number): Design {
  const formsOf = (t: number) =>
    list(forms, (f) => [`form ${f}`, list(ideas, (i) => `${t} ${f} ${i}`)] as const)
  return createDesign(Object.fromEntries(list(topics, (t) => [`topic ${t}`, Object.fromEntries(formsOf(t))])))
}

const DESIGN = sampleDesign(4, 3, 6)
const SETTINGS = { permutations: 300, seed: 1, top: 5 }

/** Token means: noise, and features 0.. that stand for a form, features 10.. that stand for a topic, as strong as asked. */
function planted(form: number, topic: number, seed: number): SparseRows {
  const random = randomNumbers(seed)
  const labels = labelsOf(DESIGN)
  return sparse(
    DESIGN.texts.map((_, row) =>
      list(60, (feature) => {
        if (feature < 3) return labels.form[row] === feature ? form : 0
        if (feature >= 10 && feature < 14) return labels.topic[row] === feature - 10 ? topic : 0
        return random() > 0 ? 1 + random() : 0
      }),
    ),
  )
}

const answerTo = (form: number, topic: number, seed = 1) =>
  answers(
    [{ layer: 3, ...compareCells(planted(form, topic, seed), DESIGN, SETTINGS) }],
    SETTINGS.permutations,
  )[0]

const verdicts = suite('surface form or idea?')

verdicts('features that stand for forms alone: surface form', () => {
  const { verdict, sentence, figures, layer } = answerTo(3, 0)
  assert.is(verdict, 'surface form')
  assert.is(layer, 3)
  assert.is(sentence, 'Layer 3 follows surface form more than idea.')
  assert.match(figures, /^Sharing a form .* by \+0\.\d+ \(p 0\.00/)
  assert.match(figures, /sharing a topic by [+−]0\.\d+ \(within chance, p/)
})

verdicts('features that stand for topics alone: idea', () => {
  const { verdict, sentence, figures } = answerTo(0, 3)
  assert.is(verdict, 'idea')
  assert.is(sentence, 'Layer 3 follows idea more than surface form.')
  assert.match(figures, /^Sharing a form .* \(within chance, p/)
})

verdicts('both as strong: both; neither: neither', () => {
  assert.is(answerTo(3, 3).verdict, 'both')
  assert.is(answerTo(0, 0).verdict, 'neither')
  assert.match(answerTo(0, 0).sentence, 'neither surface form nor idea beyond chance')
})

verdicts('where both are there, the stronger one is named', () => {
  assert.is(answerTo(4, 2).verdict, 'surface form')
  assert.is(answerTo(2, 4).verdict, 'idea')
})

verdicts('of noise, hardly ever anything is said', () => {
  const alarms = list(40, (i) => answerTo(0, 0, 100 + i)).filter(({ verdict }) => verdict !== 'neither')
  // Two tests of a layer, corrected: five in a hundred.
  assert.ok(alarms.length <= 5, `${alarms.length} of 40`)
})

verdicts(
  'one effect beyond chance and a difference that is not: undecided; p is corrected for all layers',
  () => {
    const cosine = (ideaP: number, formP: number, low: number, high: number) => ({
      ...{ idea: 0.4, form: 0.5, neither: 0.3 },
      idea_effect: { value: 0.1, p: ideaP },
      form_effect: { value: 0.2, p: formP },
      difference: { value: 0.1, interval: [low, high] as const },
    })
    const verdict = (...layers: ReturnType<typeof cosine>[]) =>
      answers(
        layers.map((one, layer) => ({ layer, cosine: one })),
        999,
      ).map((answer) => answer.verdict)
    assert.equal(verdict(cosine(0.5, 0.01, -0.1, 0.3)), ['undecided'])
    assert.equal(verdict(cosine(0.5, 0.01, 0.1, 0.3)), ['surface form'])
    assert.equal(verdict(cosine(0.01, 0.5, -0.3, -0.1)), ['idea'])
    // A difference towards what is within chance itself names nothing.
    assert.equal(verdict(cosine(0.01, 0.5, 0.1, 0.3)), ['undecided'])
    // Of four tests, 0.02 is not what it is of two.
    assert.equal(verdict(cosine(0.5, 0.02, 0.1, 0.3)), ['surface form'])
    assert.equal(verdict(cosine(0.5, 0.02, 0.1, 0.3), cosine(0.5, 0.5, 0.1, 0.3)), ['neither', 'neither'])
  },
)

verdicts('with so few shuffles that no p could be 0.05 it cannot be told', () => {
  // Two tests of a layer: p is 2 / 40 of 39 shuffles at best, and more of 38.
  const plant = (permutations: number) =>
    answers([{ layer: 3, ...compareCells(planted(4, 0, 1), DESIGN, { ...SETTINGS, permutations }) }], permutations)[0] // prettier-ignore
  assert.is(plant(39).verdict, 'surface form')
  assert.is(plant(38).verdict, 'too few shuffles')
  assert.match(
    plant(38).sentence,
    /^Whether layer 3 follows either cannot be told from so few shuffles, as no corrected p can reach 0\.05\.$/,
  )
})

verdicts('one sentence for all layers: what was planted in them, and where they differ', () => {
  const overall = (...plants: [form: number, topic: number][]) => {
    const asked = plants.map(([form, topic], i) => ({
      layer: i === 0 ? null : i,
      ...compareCells(planted(form, topic, 1), DESIGN, SETTINGS),
    }))
    return `${overallAnswer(answers(asked, SETTINGS.permutations))} ${overallFigures(asked)}`
  }
  const [form, idea, noise]: [number, number][] = [[3, 0], [0, 3], [0, 0]] // prettier-ignore
  assert.match(
    overall(idea, form, form),
    /^Surface form or idea\? Surface form at all 2 layers; the tokens alone, before any model: the idea\. Sharing /,
  )
  assert.match(
    overall(form, idea, idea),
    /\? The idea at all 2 layers; .* before any model: surface form\. Sharing/,
  )
  assert.match(
    overall(form, form, idea, form),
    /\? Surface form at layers 1, 3; the idea at layer 2; the tokens/,
  )
  assert.match(overall(form, noise), /\? Neither beyond chance at layer 1; /)
  assert.match(
    overall(noise, [3, 3]),
    /\? Both, neither clearly more, at layer 1; .*: neither beyond chance\. /,
  )
  // The smallest and the largest effect of the layers; the tokens' do not count among them.
  const [low, high] = [2, 5].map((effect) => overall(noise, [effect, 0]).match(/form adds (\S+) to the/)![1])
  assert.ok(overall([9, 0], [5, 0], [2, 0]).includes(`form adds ${low} to ${high} to the cosine`))
  const [added, topic] = [...overall(noise, form).matchAll(/(?:form adds|topic) ([+−]?\d\.\d+)/g)].map(
    ([, n]) => n,
  )
  assert.ok(Number(added) > 0.1 && Math.abs(Number(topic.replace('−', '-'))) < 0.05, `${added}, ${topic}`)
})

verdicts('numbers keep their sign, zero has none', () => {
  assert.equal([0.2134, -0.2, -0.0001, 0].map(showCosine), ['+0.213', '−0.200', '0.000', '0.000'])
})

const figures = suite('cosines and overlaps')

/** Few different activations, so that there are ties and rows in which nothing fires. */
const rows = (texts: number, width = 6) =>
  fc.array(fc.array(fc.constantFrom(0, 0, 0.5, 1, 7.25), { minLength: width, maxLength: width }), {
    minLength: texts,
    maxLength: texts,
  })

figures('cosines are those of the cells’ mean features, for any cells and weights', () => {
  const texts = 9
  const cells = fc.array(fc.nat(2), { minLength: texts, maxLength: texts })
  const weights = fc.array(fc.constantFrom(0, 1, 2), { minLength: texts, maxLength: texts })
  fc.assert(
    fc.property(rows(texts), cells, weights, (dense, cells, weights) => {
      const sum = (cell: number) =>
        dense[0].map((_, j) =>
          dense.reduce((total, row, i) => total + (cells[i] === cell ? weights[i] * row[j] : 0), 0),
        )
      const dot = (a: number[], b: number[]) => a.reduce((total, value, j) => total + value * b[j], 0)
      const found = cellCosines(
        dotProducts(sparse(dense)),
        Uint32Array.from(cells),
        3,
        Float64Array.from(weights),
      )
      for (let a = 0; a < 3; a++)
        for (let b = 0; b < 3; b++) {
          const [x, y] = [sum(a), sum(b)]
          const lengths = Math.sqrt(dot(x, x) * dot(y, y))
          near(found[a * 3 + b], lengths > 0 ? dot(x, y) / lengths : 0)
        }
    }),
    { seed: 5, numRuns: 100 },
  )
})

figures('they are shown one row per cell, in the cells’ order', () => {
  const means = planted(2, 1, 3)
  const { cosines, overlaps } = compareCells(means, DESIGN, { ...SETTINGS, permutations: 9 })
  const cells = Uint32Array.from(DESIGN.texts.keys(), (row) => Math.floor(row / 6))
  assert.equal(cosines.map(({ length }) => length), list(12, () => 12)) // prettier-ignore
  assert.equal(cosines.flat(), [...cellCosines(dotProducts(means), cells, 12)])
  assert.equal(overlaps.map(({ length }) => length), list(12, () => 12)) // prettier-ignore
  assert.equal(overlaps.flat(), [...topOverlap(means, DESIGN, 5)])
})

figures('overlaps are those of the sets of strongest features', () => {
  const design = sampleDesign(2, 2, 2)
  fc.assert(
    fc.property(rows(8), fc.integer({ min: 1, max: 7 }), (dense, top) => {
      const features = sparse(dense)
      const cells = toDense(meanSparseRows(features, [2, 2, 2, 2]))
      const strongest = (cell: number) =>
        list(6, (j) => ({ j, value: cells.data[cell * 6 + j] }))
          .filter(({ value }) => value > 0)
          .sort((a, b) => b.value - a.value || a.j - b.j)
          .slice(0, top)
          .map(({ j }) => j)
      const found = topOverlap(features, design, top)
      for (let a = 0; a < 4; a++)
        for (let b = 0; b < 4; b++) {
          const [x, y] = [strongest(a), strongest(b)]
          const both = x.filter((j) => y.includes(j)).length
          const either = x.length + y.length - both
          near(found[a * 4 + b], either > 0 ? both / either : 0)
        }
    }),
    { seed: 5, numRuns: 100 },
  )
})

figures('means are taken over the pairs that share topic, form or neither', () => {
  // Cells: topic 0 in forms 0, 1, then topic 1 in forms 0, 1.
  const design = sampleDesign(2, 2, 2)
  const matrix = [1, 0.9, 0.3, 0.1, 0.9, 1, 0.2, 0.5, 0.3, 0.2, 1, 0.7, 0.1, 0.5, 0.7, 1]
  const { idea, form, neither } = meanByRelation(matrix, design)
  near(idea, (0.9 + 0.7) / 2)
  near(form, (0.3 + 0.5) / 2)
  near(neither, (0.1 + 0.2) / 2)
  assert.is(relationOf(design, 2, 2), null)
})

figures('the jackknife of a mean of topic means is its textbook standard error', () => {
  const design = sampleDesign(3, 2, 5)
  const random = randomNumbers(4)
  const numbers = design.texts.map(() => random())
  const { topic } = labelsOf(design)
  const statistic = (weights: ArrayLike<number>): number => {
    const means = design.topics.map((_, t) => {
      const mine = numbers.map((value, row) =>
        topic[row] === t ? [value * weights[row], weights[row]] : [0, 0],
      )
      return mine.reduce((sum, [value]) => sum + value, 0) / mine.reduce((sum, [, weight]) => sum + weight, 0)
    })
    return means.reduce((sum, mean) => sum + mean, 0) / 3
  }
  // Of a topic's five ideas, each the mean of its two forms: variance by four, over five; of three topics, over nine.
  const variance = list(3, (t) => {
    const ideas = list(5, (i) => (numbers[t * 10 + i] + numbers[t * 10 + 5 + i]) / 2)
    const mean = ideas.reduce((sum, value) => sum + value, 0) / 5
    return ideas.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 4 / 5
  }).reduce((sum, value) => sum + value, 0)
  near(jackknifeError(design, statistic), Math.sqrt(variance) / 3)
})

figures('labels are dealt within their stratum, every way as often', () => {
  const [labels, strata] = [Uint32Array.of(0, 1, 5, 5, 2), Uint32Array.of(0, 0, 1, 0, 1)]
  const ways = new Map<string, number>()
  for (const dealt of shuffledLabels(labels, { permutations: 6000, seed: 2 }, strata))
    ways.set(dealt.join(), (ways.get(dealt.join()) ?? 0) + 1)
  // 0, 1, 5 in any of six orders at rows 0, 1 and 3; 5 and 2 in either at rows 2 and 4.
  assert.is(ways.size, 12)
  for (const [way, times] of ways) {
    assert.ok(Math.abs(times - 500) < 90, `${way}: ${times}`)
    const [a, b, c, d, e] = way.split(',').map(Number)
    assert.equal([[a, b, d].sort(), [c, e].sort()], [[0, 1, 5], [2, 5]]) // prettier-ignore
  }
})

figures('tokens are counted by text, BOS left out', () => {
  const shares = toDense(tokenShares([[9, 1, 1, 2], [9, 9, 3]], 10)) // prettier-ignore
  const expected = new Float32Array(20)
  expected[1] = 2 / 3
  expected[2] = 1 / 3
  expected[10 + 9] = 0.5
  expected[10 + 3] = 0.5
  assert.equal(shares.data, expected)
})

const experts = suite('specialists')

const find = (means: SparseRows) => findSpecialists(means, DESIGN, 2, SETTINGS)

const pick = (all: readonly Specialist[], kind: string, topic: string | null, form: string | null) =>
  all.find((one) => one.kind === kind && one.topic === topic && one.form === form)

experts('a planted form’s and topic’s are found, whole and in one cell, and fire elsewhere', () => {
  const all = find(planted(3, 3, 1))
  const form = pick(all, 'form', null, 'form 1')!
  assert.equal([form.feature, form.inside, form.outside, form.elsewhere], [1, [24, 24], [0, 48], null])
  assert.ok(form.p_corrected! < 0.02)
  const topic = pick(all, 'topic', 'topic 2', null)!
  assert.equal([topic.feature, topic.inside, topic.outside, topic.score], [12, [18, 18], [0, 54], 18])
  assert.ok(topic.p_corrected! < 0.02)
  const ofCell = pick(all, 'topic', 'topic 2', 'form 0')!
  assert.equal([ofCell.feature, ofCell.elsewhere, ofCell.p], [12, [12, 12], null])
  assert.equal(pick(all, 'form', 'topic 2', 'form 0')!.elsewhere, [18, 18])
})

experts('without a plant none is beyond chance; with none above the threshold there is none', () => {
  const means = planted(0, 0, 3)
  const whole = findSpecialists(means, DESIGN, 1.9, SETTINGS).filter(({ p }) => p !== null)
  assert.ok(whole.length > 4)
  for (const one of whole) assert.ok(one.p_corrected! > 0.05, `${one.topic ?? one.form}`)
  assert.equal(find(means), [])
})

experts('a topic’s notation is a specialist that fires in none of its other forms', () => {
  const dense = DESIGN.texts.map((_, row) => [labelsOf(DESIGN).cell[row] === 4 ? 3 : 0, 1])
  const all = find(sparse(dense)) // cell 4: topic 1 in form 1
  assert.equal(pick(all, 'topic', 'topic 1', 'form 1')!.elsewhere, [0, 12])
  assert.equal(pick(all, 'topic', 'topic 1', null)!.inside, [6, 18])
})

experts('the best score, then the strongest, then the lowest number: as by plain counting', () => {
  const design = sampleDesign(2, 2, 2)
  fc.assert(
    fc.property(rows(8, 4), (dense) => {
      const found = findSpecialists(sparse(dense), design, 0.75, { permutations: 2, seed: 0 })
      for (const [t, topic] of design.topics.entries()) {
        const isInside = (row: number) => Math.floor(row / 4) === t
        const scored = list(4, (feature) => {
          const above = dense.flatMap((row, i) => (row[feature] > 0.75 ? [i] : []))
          const inside = above.filter(isInside)
          const strength = inside.reduce((sum, i) => sum + dense[i][feature], 0)
          return { feature, inside: inside.length, score: 2 * inside.length - above.length, strength }
        }).filter(({ inside }) => inside > 0)
        scored.sort((a, b) => b.score - a.score || b.strength - a.strength || a.feature - b.feature)
        assert.is(pick(found, 'topic', topic, null)?.feature, scored[0]?.feature)
        assert.is(pick(found, 'topic', topic, null)?.score, scored[0]?.score)
      }
    }),
    { seed: 5, numRuns: 100 },
  )
})

experts(
  'a layer’s analysis: means without BOS, the share on symbols, and what the specialists do elsewhere',
  () => {
    // Two tokens per text, BOS before them: a word, then a symbol in form 0 and a word in form 1. Feature 0 fires at
    // form 0's symbols three times as strongly as at its words; feature 1 at BOS alone.
    const design = sampleDesign(2, 2, 2)
    const { form } = labelsOf(design)
    const kinds = Array.from(form, (f): TokenKind[] => ['symbol', 'word', f === 0 ? 'symbol' : 'word'])
    const pieces = kinds.map(() => ['<|endoftext|>', ' word', ' +'])
    const features = sparse(
      design.texts.flatMap((_, row) => [[0, 50], [form[row] ? 0 : 2, 0], [form[row] ? 0 : 6, 0]]), // prettier-ignore
    )
    const result = analyseLayer(
      { hook: 'blocks.2.hook_resid_pre', layer: 2, features, pieces },
      kinds,
      design,
      {
        ...SETTINGS,
        top: 1,
        threshold: { kind: 'value', value: 3 },
      },
    )
    assert.is(result.threshold, 3)
    const specialist = result.specialists.find((one) => one.form === 'form 0' && one.topic === null)!
    assert.equal([specialist.feature, specialist.symbols], [0, { of_activation: 0.75, of_tokens: 0.5 }])
    assert.is(specialist.token, ' +')
    assert.is(pick(result.specialists, 'form', null, 'form 1'), undefined)
    assert.equal(result.transfer.form, { elsewhere: 1, outside: 0 })
    assert.equal(result.transfer.topic, { elsewhere: 0, outside: 0.5 })
  },
)

const tokens = suite('symbols, words and colours')

tokens('letters make words; digits, operators and punctuation symbols; the rest is blank', () => {
  const pieces = ['x', ' + 2', ' =', '\n', ' é', 'π', ' x2', '', '₂', '   ', '…', '']
  assert.equal(
    tokenKinds(pieces).map((kind) => kind[0]),
    ['w', 's', 's', 'b', 'w', 'w', 'w', 's', 's', 'b', 's', 'b'],
  )
})

tokens(
  'a space with the beginning of a character is shown as that, and is of the character’s kind',
  async () => {
    const tokenizer = await createTokenizer()
    const pieces = piecesOf({ tokenizer }, [87, 564, 250]) // x, a space and e2 80, 9c
    assert.equal(pieces, ['x', ' ⟨e2 80⟩', '“'])
    assert.equal(tokenKinds(pieces), ['word', 'symbol', 'symbol'])
    assert.equal(piecesOf({ tokenizer }, tokenizer.encode(' 🚀')).slice(-1), ['🚀'])
  },
)

tokens('shares leave out BOS and texts that are not asked for', () => {
  const kinds: TokenKind[][] = [['symbol', 'word', 'symbol'], ['symbol', 'symbol'], ['word', 'blank']] // prettier-ignore
  const activations = [[9, 1, 3], [9, 5], [9, 0]] // prettier-ignore
  assert.equal(symbolShare(activations, kinds, [0]), { of_activation: 0.75, of_tokens: 0.5 })
  assert.equal(symbolShare(activations, kinds, [0, 2]), { of_activation: 0.75, of_tokens: 1 / 3 })
  assert.equal(symbolShare(activations, kinds, [2]), { of_activation: null, of_tokens: 0 })
})

tokens('a picture’s colours go from its lowest number to its highest', () => {
  const steps = [-1, 0.2, 0.21, 0.6, 0.61, 1, 2].map((value) => stepWithin(value, [0.2, 1]))
  assert.equal(steps, [1, 1, 1, 4, 5, 8, 8])
  assert.is(stepWithin(0.5, [0.5, 0.5]), 1)
})

const written = suite('matched texts')

written(
  'seven topics in three forms, ten ideas each, no text twice, of 8 to 40 tokens of GPT-2',
  async () => {
    const { topics, forms, ideas, texts } = createDesign(matchedTexts)
    assert.equal([topics.length, forms.length, ideas], [7, 3, 10])
    assert.is(new Set(texts).size, 210)
    const tokenizer = await createTokenizer({ vocabularySize: 50257 })
    for (const text of texts) {
      const { length } = tokenizer.encode(text)
      assert.ok(length >= 8 && length <= 40, `${length} tokens: ${text}`)
    }
  },
)

written('words are written without digits and operators, symbols without words of four letters', () => {
  for (const forms of Object.values(matchedTexts)) {
    for (const text of forms.words) assert.match(text, /^[\p{L} ,.'-]+$/u)
    for (const text of forms.symbols) assert.not.match(text, /(?<![A-Z])[a-z]{4}/)
  }
})

written('what does not match is named', () => {
  const two = ['a', 'b']
  const match = (matched: Parameters<typeof createDesign>[0], message: string) =>
    assert.throws(() => createDesign(matched), (error: Error) => error.message.includes(message)) // prettier-ignore
  match({}, '0 topics, 0 forms and 0 ideas')
  match({ a: { x: two, y: two } }, '1 topics, 2 forms and 2 ideas a topic: at least two')
  match({ a: { x: two, y: two }, b: { x: two } }, 'b has the forms x, not x, y')
  match({ a: { x: two, y: two }, b: { x: two, y: ['a'] } }, 'b in y has 1 texts, expected 2')
})

verdicts.run()
figures.run()
experts.run()
tokens.run()
written.run()
