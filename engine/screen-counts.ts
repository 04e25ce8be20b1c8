// What exact screening counts, for a result to say.

/** How a backend that screens (engine/wasm/screen/screen.ts) has found sparseEncode's entries so far. An output is one number of a row. */
export type ScreenCounts = ReturnType<typeof noScreenCounts>

export function noScreenCounts() {
  return {
    /** Rows that were screened. */
    rows: 0,
    /** Rows that were computed densely: too many candidates, numbers that no bound holds for, or a guess at TopK's that was too high. */
    denseRows: 0,
    /** Rows that were not worth screening: of small calls, or with few features for each of the k that are kept. */
    smallRows: 0,
    /** Outputs of the screened rows. */
    outputs: 0,
    /** Of these, outputs that could be kept by what int8 numbers say: they are computed. */
    candidates: 0,
    /** Entries of all rows. */
    active: 0,
    /** Weights made int8 numbers, once; rows; floors of rows guessed, for TopK; products of the two; the test of the bound; candidates; entries put in order. */
    secondsPreparing: 0,
    secondsRows: 0,
    secondsGuessing: 0,
    secondsProducts: 0,
    secondsTest: 0,
    secondsCandidates: 0,
    secondsCollecting: 0,
    secondsDense: 0,
  }
}
