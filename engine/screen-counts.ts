// What exact screening counts, for a result to say.
/** How a backend that screens (engine/wasm/screen/screen.ts) has found sparseEncode's entries so far. An output is one number of a row. */
export interface ScreenCounts {
  /** Rows that were screened. */
  rows: number
  /** Rows that were computed densely: too many candidates, or numbers that no bound holds for. */
  denseRows: number
  /** Rows of calls that are too small for screening to be worth it, computed densely. */
  smallRows: number
  /** Outputs of the screened rows. */
  outputs: number
  /** Of these, outputs that could be positive by what the int8 values of x say, and with their residuals too. */
  afterInt8: number
  candidates: number
  /** Outputs of all rows that are positive. */
  active: number
  secondsPreparing: number
  secondsScreening: number
  secondsCollecting: number
  secondsDense: number
}

export function noScreenCounts(): ScreenCounts {
  return {
    rows: 0,
    denseRows: 0,
    smallRows: 0,
    outputs: 0,
    afterInt8: 0,
    candidates: 0,
    active: 0,
    secondsPreparing: 0,
    secondsScreening: 0,
    secondsCollecting: 0,
    secondsDense: 0,
  }
}
