// What exact screening counts, for a result to say.

/** How a backend that screens (engine/wasm/screen/screen.ts) has found sparseEncode's entries so far. An output is one number of a row. */
export type ScreenCounts = ReturnType<typeof noScreenCounts>

export function noScreenCounts() {
  return {
    /** Rows that were screened. */
    rows: 0,
    /** Rows that were computed densely: too many candidates, or numbers that no bound holds for. */
    denseRows: 0,
    /** Rows of calls that are too small for screening to be worth it, computed densely. */
    smallRows: 0,
    /** Outputs of the screened rows. */
    outputs: 0,
    /** Of these, outputs that could be positive by what int8 numbers say: they are computed. */
    candidates: 0,
    /** Outputs of all rows that are positive. */
    active: 0,
    /** Weights made int8 numbers, once; rows; products of the two; the test of the bound; candidates; entries put in order. */
    secondsPreparing: 0,
    secondsRows: 0,
    secondsProducts: 0,
    secondsTest: 0,
    secondsCandidates: 0,
    secondsCollecting: 0,
    secondsDense: 0,
  }
}
