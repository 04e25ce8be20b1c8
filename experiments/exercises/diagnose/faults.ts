// What can be wrong with an SAE, and the figure that shows it.
import type { Figures } from './figures.ts'

export type FaultName =
  'few-features' | 'wrong-hook' | 'uncentred' | 'bos-kept' | 'wrong-texts' | 'flattering-ratio'

type Measured = Exclude<keyof Figures, 'histogram'>

/** Between what the figures of the six bundled SAEs lie, on our own texts: a test measures them. */
export const HEALTHY: Readonly<Record<Measured, readonly [least: number, most: number]>> = {
  l0: [17, 32],
  explained: [0.79, 0.93],
  cosine: [0.9, 0.98],
  atBos: [0.75, 0.94],
  rowMean: [-0.01, 0.01],
  rebuiltRowMean: [-0.01, 0.01],
  dead: [9, 159],
  dense: [0.02, 0.05],
  clean: [4.11, 4.12],
  cost: [0.32, 0.51],
  ofZeros: [0.91, 0.94],
  ofMean: [0.87, 0.91],
}

export interface Fault {
  readonly name: FaultName
  /** What is wrong. */
  readonly is: string
  /** The figure that tells it from the other five, and what it must look like. */
  readonly sign: string
  readonly shows: (figures: Figures) => boolean
  /** That figure of a patient; where the fault is another, what speaks against this one. */
  readonly figure: (figures: Figures) => string
  readonly why: string
}

const range = (name: Measured) => HEALTHY[name].join(' to ')

export const FAULTS: readonly Fault[] = [
  {
    name: 'few-features',
    is: 'it has no more features than the stream has dimensions',
    sign: 'of the features that fire, more than half would be dense: on a tenth of the tokens or more',
    shows: ({ dense }) => dense > 0.5,
    figure: ({ dense }) =>
      `${percent(dense)} of them are dense (healthy: ${HEALTHY.dense.map(percent).join(' to ')})`,
    why: 'So few features have to be on all the time to rebuild anything. L0 alone looks healthy: 30 of 128 is not sparse, 30 of 1,024 is. Features that stand for one thing are rare.',
  },
  {
    name: 'wrong-hook',
    is: 'it reads another place than the one it was trained on',
    sign: 'even the ratio that flatters, the CE recovered of zeros, would lie below the healthy range',
    shows: ({ ofZeros }) => ofZeros < HEALTHY.ofZeros[0],
    figure: ({ ofZeros }) => `it is ${ofZeros.toFixed(3)} (healthy: ${range('ofZeros')})`,
    why: 'The stream of another layer is a relative, not a stranger: most of it was written earlier. So a wrong hook does not give nonsense, only everything worse at once. No error is thrown, which is why the hook is checked by name here.',
  },
  {
    name: 'uncentred',
    is: 'it expects rows with their mean taken out, and gets them with it',
    sign: 'the mean of a row would differ between what is read and what is rebuilt',
    shows: ({ rowMean, rebuiltRowMean }) => Math.abs(rowMean - rebuiltRowMean) > 0.1,
    figure: ({ rowMean, rebuiltRowMean }) =>
      `they are ${zero(rowMean)} and ${zero(rebuiltRowMean)} (healthy: both 0)`,
    why: 'The explained variance and the cosine are ruined, and the loss is not: the next LayerNorm takes the mean away, so the model never sees what the SAE missed. A bad reconstruction that costs the model nothing points to a direction that no reader reads.',
  },
  {
    name: 'bos-kept',
    is: 'BOS was among the tokens that it was trained on',
    sign: 'the cosine at BOS would lie above the healthy range',
    shows: ({ atBos }) => atBos > HEALTHY.atBos[1],
    figure: ({ atBos }) => `it is ${atBos.toFixed(3)} (healthy: ${range('atBos')})`,
    why: 'BOS has the same row in every text, and here twice the usual length, so its error counts nearly four times. The SAE spends what it can on one row that says nothing about any text. The other figures leave BOS out and hardly notice.',
  },
  {
    name: 'wrong-texts',
    is: 'the SAE is sound, and the texts are not what the model knows',
    sign: 'the model alone, without any SAE, would lose more than it does on our texts',
    shows: ({ clean }) => clean > HEALTHY.clean[1],
    figure: ({ clean }) => `it loses ${clean.toFixed(2)} nats per token (healthy: ${range('clean')})`,
    why: 'No SAE can change the loss of the model alone. Look at that figure first: where the model itself is lost, the cost of splicing means nothing, and may even be below zero.',
  },
  {
    name: 'flattering-ratio',
    is: 'CE recovered looks healthy, and what is rebuilt costs far too much',
    sign: 'the cost in nats would lie above the healthy range while CE recovered of zeros does not lie below it',
    shows: ({ cost, ofZeros }) => cost > HEALTHY.cost[1] && ofZeros >= HEALTHY.ofZeros[0],
    figure: ({ cost, ofZeros, ofMean }) => {
      const costs = `it costs ${cost.toFixed(2)} nats (healthy: ${range('cost')})`
      const recovered = `${ofZeros.toFixed(3)} recovered of zeros`
      if (cost <= HEALTHY.cost[1]) return costs
      if (ofZeros < HEALTHY.ofZeros[0]) return `${recovered} lies below (healthy: ${range('ofZeros')})`
      return `${costs} with ${recovered}, ${ofMean.toFixed(3)} of the mean`
    },
    why: 'At this place zeros make the model lose 26 nats per token, three times what guessing among all 4,097 tokens costs (8.3). Beside such a baseline anything looks good. The mean as the baseline and the loss in nats do not flatter.',
  },
]

const percent = (share: number): string => `${Math.round(100 * share)} %`
/** Without a minus before 0. */
const zero = (value: number): string => (Math.abs(value) < 0.005 ? 0 : value).toFixed(2)
