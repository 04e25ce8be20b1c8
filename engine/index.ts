// clearbox/engine: tensors, backends, and files of tensors. What is not here is internal.
export type { Activation, Backend, DeviceTensor, Linear, Norm, RowCache, Table, TextSpan } from './backend.ts'
export { backends, createBackend, type BackendOptions } from './backends.ts'
export { sparseColumn, sparseRow, toDense, type SparseRows } from './sparse.ts'
export { Tensor, type Shape } from './tensor.ts'
export { memorySource, type ByteSource } from './weights/bytes.ts'
export { encodeSafetensors, openSafetensors, type SafetensorsStore } from './weights/safetensors.ts'
export {
  readTensor,
  sourceOf,
  WeightsFileError,
  type WeightSource,
  type WeightStore,
} from './weights/weights.ts'
