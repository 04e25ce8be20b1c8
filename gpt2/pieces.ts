// A text's tokens as strings that a person can read one after the other.
import type { Tokenizer } from './tokenizer.ts'

/**
 * One string per token. A token that holds only part of a character is empty, and the token that completes the character shows
 * it whole. A token that has something before such a part shows its bytes, ` ⟨e2 80⟩`: it would look like a space.
 */
export function piecesOf({ tokenizer }: { readonly tokenizer: Tokenizer }, ids: readonly number[]): string[] {
  const decode = tokenizer.stream()
  return ids.map((id) => {
    const text = decode(id)
    const endsInside = text !== '' && tokenizer.decode([id]) === `${text}\ufffd`
    return endsInside ? tokenizer.pieces([id])[0] : text
  })
}
