// Every kernel of the module, and its parameters by name: what emits a kernel and what calls it both go by this list.
// No code is emitted here: workers load it.

/** A function's parameters by name, in order, and the WebAssembly type of each. */
export type Signature = Readonly<Record<string, 'i32' | 'f32' | 'f64'>>

/** The names in a list of them with a space between. */
export type Names<List extends string> = List extends `${infer Name} ${infer Others}`
  ? Name | Names<Others>
  : List

function ofType<T extends 'i32' | 'f32'>(type: T) {
  return <const List extends string>(names: List) =>
    Object.fromEntries(names.split(' ').map((name) => [name, type])) as Readonly<Record<Names<List>, T>>
}

/** Parameters that are counts, addresses in bytes, or strides: the bytes from a row to the next. */
export const i32s = ofType('i32')
export const f32s = ofType('f32')

/** What `first` and `last` (exclusive) count, of a kernel that works on a range, is said where it is emitted. */
export const KERNELS = {
  linear: i32s('x rows inputs weights bias residual out outputs activation firstPanel lastPanel sums'),
  attention: {
    ...i32s('q k v pattern out plan firstTile lastTile stride dHead'),
    scale: 'f32',
    ...i32s('longest packedKeys packedValues scores scoreStride sums'),
  },
  scoresOfOne: { ...i32s('q k out width dHead keys'), scale: 'f32', ...i32s('first last') },
  mixOfOne: i32s('weights v sums width dHead keys before first last'),
  layerNorm: { ...i32s('x out weight bias width'), eps: 'f64', ...i32s('first last') },
  softmax: i32s('x out width first last'),
  crossEntropy: i32s('x totals width first last scratch'),
  klDivergence: i32s('a b totals width first last scratch'),
  largest: i32s('x places width k first last scratch'),
  center: i32s('x out width first last'),
  gelu: i32s('x out first last'),
  geluErf: i32s('x out first last'),
  relu: i32s('x out first last'),
  add: i32s('a b out width bStride first last'),
  subtract: i32s('a b out width bStride first last'),
  meanRows: i32s('x out rows width'),
  copyStrided: i32s('from rowStride columnStride to toStride rows columns'),
  crossEntropyBackward: i32s('dY x targets out width first last'),
  geluBackward: i32s('dY x out first last'),
  reluBackward: i32s('dY y out first last'),
  layerNormBackward: { ...i32s('dY x weight out products width'), eps: 'f64', ...i32s('first last') },
  softmaxBackward: { ...i32s('dY y out width'), scale: 'f32', ...i32s('first last') },
  squares: i32s('x count piece out first last'),
  scaleRows: i32s('x scale out width outStride first last'),
  addScaledRows: i32s('x scale out width outStride first last'),
  adamW: {
    ...i32s('w wRow g m v gRow rows columns'),
    ...f32s('scale beta1 rest1 beta2 rest2 rate eps correction keep'),
  },
  sparseDot: i32s('offsets indices dY table width out first last'),
  select: i32s('x outputs floors k indices counts first last'),
  selectListed: i32s('values indices offsets k first last'),
  preActivations: i32s('x rows padded weights bias out outputs first last sums'),
  sparseDecode: i32s('offsets indices values table width bias out first last block'),
  quantizeFeatures: {
    ...i32s('weights padded bias floors int8 features'),
    ...f32s('slack biasFactor'),
    ...i32s('first last'),
  },
  quantizeRows: {
    ...i32s('x rows inputs padded values constants large leftOut first last'),
    ...f32s('rounding slack factor'),
  },
  int8Products: i32s('values rows tall padded int8 features first last sums'),
  boundTest: {
    ...i32s('rows tall constants features weights padded dimensions dimensionCount leftOut tallies most'),
    ...i32s('first last scratch'),
  },
  computeCandidates: i32s('x rows padded weights bias floors constants first last place scratch'),
  countEntries: i32s('start end counts'),
  scatter: i32s('start end next indices values'),
} as const satisfies Readonly<Record<string, Signature>>
export type KernelName = keyof typeof KERNELS
export type ParameterOf<K extends KernelName> = keyof (typeof KERNELS)[K] & string

/** Numbers by name: what a kernel or a task is given. */
export type Numbers<Name extends string = string> = Readonly<Record<Name, number>>
