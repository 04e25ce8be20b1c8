// What the tokenizer refuses, and what it says then.
import { showBytes } from './byte-strings.ts'

/** 256 bytes and BOS. */
const LEAST_SIZE = 257

export function refuseSize(vocabularySize: number): void {
  if (!Number.isInteger(vocabularySize) || vocabularySize < LEAST_SIZE)
    throw new Error(
      `tokenizer: vocabularySize ${vocabularySize} is not a whole number from ${LEAST_SIZE} (256 bytes and <|endoftext|>)`,
    )
}

export function unknownId(id: number, size: number): Error {
  return new Error(
    `tokenizer: token id ${id} is not a whole number from 0 to ${size - 1}: this vocabulary has ${size} tokens`,
  )
}

/** A vocabulary read from files may lack a token for some byte. */
export function unknownBytes(bytes: string): Error {
  return new Error(
    `encode: this vocabulary has no token for ${showBytes(bytes)}, a byte of the text: take it out of the text`,
  )
}

/** @throws if js-tiktoken's ranks are not as loadTokens expects them */
export function refuseRanks(mark: string, firstId: string, tokens: number, expected: number): void {
  if (mark !== '!' || firstId !== '0' || tokens !== expected)
    throw new Error(
      `tokenizer: js-tiktoken/ranks/gpt2: expected "! 0" and at least ${expected} tokens, ` +
        `got "${mark} ${firstId}" and ${tokens}: install the version in package-lock.json`,
    )
}

/** @throws if even tokens of the greatest length could not hold the text in `maxTokens` */
export function refuseCertainlyTooLong(text: string, maxTokens: number, longestToken: number): void {
  if (!Number.isInteger(maxTokens) || maxTokens < 0)
    throw new Error(`encode: maxTokens ${maxTokens} is not a whole number from 0`)
  const mostBytes = maxTokens * longestToken
  // Each UTF-16 unit takes a byte or more: the rest of a longer text cannot change the answer.
  const bytes = new TextEncoder().encode(text.slice(0, mostBytes + 1)).length
  if (bytes > mostBytes) throw tooLong(`more than ${maxTokens}`, maxTokens)
}

export function tooLong(tokens: string, maxTokens: number): RangeError {
  return new RangeError(
    `encode: the text has ${tokens} tokens, at most ${maxTokens} are allowed: shorten it, or split it into several texts`,
  )
}
