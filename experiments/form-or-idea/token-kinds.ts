// Which tokens are symbols, and how much of a feature's activation falls on them.

/** A token that holds a letter is a word's, one that holds none but is not blank a symbol: digits, operators, punctuation. */
export type TokenKind = 'word' | 'symbol' | 'blank'

/** As `piecesOf` shows a token that ends inside a character: nothing, or its bytes at the end. */
const ENDS_INSIDE = /^$|⟨[0-9a-f]{2}( [0-9a-f]{2})*⟩$/

/**
 * The kind of each token. A token that ends inside a character (see `piecesOf`) is of the kind of the piece that
 * completes it.
 */
export function tokenKinds(pieces: readonly string[]): TokenKind[] {
  const kinds: TokenKind[] = []
  let following: TokenKind = 'blank'
  for (const piece of pieces.toReversed()) {
    if (!ENDS_INSIDE.test(piece))
      following = /\p{L}/u.test(piece) ? 'word' : /\S/.test(piece) ? 'symbol' : 'blank'
    kinds.push(following)
  }
  return kinds.reverse()
}

/** How much of what a feature does happens at symbols, and how many of the tokens are symbols: BOS left out of both. */
export interface SymbolShare {
  /** Null where the feature does not fire in these texts. */
  readonly of_activation: number | null
  readonly of_tokens: number
}

/**
 * @param activations of one feature, for each text one per token, BOS first
 * @param kinds of the tokens of each text, BOS first
 * @param rows the texts that count
 */
export function symbolShare(
  activations: readonly ArrayLike<number>[],
  kinds: readonly (readonly TokenKind[])[],
  rows: readonly number[],
): SymbolShare {
  let [active, activeAtSymbols, tokens, symbols] = [0, 0, 0, 0]
  for (const row of rows)
    for (let token = 1; token < kinds[row].length; token++) {
      const isSymbol = kinds[row][token] === 'symbol'
      tokens++
      active += activations[row][token]
      if (!isSymbol) continue
      symbols++
      activeAtSymbols += activations[row][token]
    }
  return { of_activation: active > 0 ? activeAtSymbols / active : null, of_tokens: symbols / tokens }
}
