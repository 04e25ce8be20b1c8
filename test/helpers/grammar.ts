// Sentences of a tiny language whose entropy is known: what a model can learn of it, and no more.
import type { Random } from '../../engine/random.ts'

const WORDS = [
  '<bos>',
  'the',
  'cat',
  'cats',
  'dog',
  'dogs',
  'big',
  'old',
  'sees',
  'see',
  'runs',
  'run',
  '.',
] as const
type Word = (typeof WORDS)[number]

export const VOCABULARY = WORDS.length
export const BOS = WORDS.indexOf('<bos>')

/**
 * `the` (adjective)* noun (verb without an object | verb the noun) `.`, with up to two adjectives. The verb agrees in number with
 * the subject; a model that has not learned that is 14 % above the entropy: `the big cats see the dog .`
 */
function sentence(random: Random): Word[] {
  const oneOf = (...words: Word[]) => words[random.index(words.length)]
  const adjectives = Array.from({ length: random.index(3) }, () => oneOf('big', 'old'))
  const [noun, plural] = [random.index(2), random.index(2)]
  const subject: Word = (['cat', 'cats', 'dog', 'dogs'] as const)[2 * noun + plural]
  const phrase = ['the', ...adjectives, subject] as Word[]
  if (random.index(2) === 0) return [...phrase, plural ? 'run' : 'runs', '.']
  return [...phrase, plural ? 'see' : 'sees', 'the', oneOf('cat', 'cats', 'dog', 'dogs'), '.']
}

/** -log p of a sentence's words, each given those before, in nats. */
function surprise(words: readonly Word[]): number {
  const adjectives = words.filter((word) => word === 'big' || word === 'old').length
  const hasObject = words.length - adjectives > 4
  const choices = 3 * 2 ** adjectives * 4 * 2 // how many adjectives, which; the noun and its number; the kind of verb
  return Math.log(choices) + (hasObject ? Math.log(4) : 0)
}

/** BOS and so many whole sentences, as ids; and -log p of all of them, in nats. */
export function textOf(sentences: number, random: Random): { ids: number[]; nats: number } {
  const all = Array.from({ length: sentences }, () => sentence(random))
  const ids = [BOS, ...all.flat().map((word) => WORDS.indexOf(word))]
  return { ids, nats: all.reduce((sum, words) => sum + surprise(words), 0) }
}
