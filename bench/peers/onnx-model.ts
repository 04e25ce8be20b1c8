// Models for ONNX Runtime, which accepts nothing else.
/** C = A x B, then + bias, then ReLU where asked for, then each row's largest. B and bias are inside the model. */
export interface MatmulModel {
  readonly m: number
  readonly k: number
  readonly n: number
  readonly b: Float32Array // [k, n]
  readonly bias?: Float32Array // [n]
  readonly relu?: boolean
  /** How many of each row are kept, in falling order: C is then [m, largest]. */
  readonly largest?: number
}

/**
 * An ONNX model of one MatMul, with what follows it, as protocol buffers: each field is a key (number * 8 +
 * wire type) and a value. The field numbers are those of onnx.proto3 (github.com/onnx/onnx), opset 13.
 */
export function matmulModel({ m, k, n, b, bias, relu = false, largest }: MatmulModel): Uint8Array {
  const steps = [
    ['MatMul', 'B'],
    ...(bias ? [['Add', 'bias']] : []),
    ...(relu ? [['Relu']] : []),
    ...(largest ? [['TopK', 'largest']] : []),
  ]
  const valueAfter = (step: number) => (step === steps.length ? 'C' : step === 0 ? 'A' : `after ${step}`)
  const nodes = steps.map(([operator, ...operands], i) =>
    message(
      ...[valueAfter(i), ...operands].map((name) => text(1, name)), // input
      text(2, valueAfter(i + 1)), // output
      ...(operator === 'TopK' ? [text(2, 'indices')] : []),
      text(4, operator), // op_type
    ),
  )
  const initializers = [
    initializer('B', [k, n], b),
    ...(bias ? [initializer('bias', [n], bias)] : []),
    ...(largest ? [initializer('largest', [1], BigInt64Array.of(BigInt(largest)))] : []),
  ]
  const graph = message(
    ...nodes.map((node) => bytes(1, node)),
    text(2, 'matmul'),
    ...initializers.map((tensor) => bytes(5, tensor)),
    bytes(11, matrixInfo('A', m, k)), // input
    bytes(12, matrixInfo('C', m, largest ?? n)), // output
  )
  return message(
    number(1, 8), // ir_version
    bytes(7, graph),
    bytes(8, message(text(1, ''), number(2, 13))), // opset_import: the standard domain, version
  )
}

/** Of TensorProto.DataType. */
const [FLOAT, INT64] = [1, 7]

/** TensorProto: a constant of the model. */
function initializer(
  name: string,
  shape: readonly number[],
  values: Float32Array | BigInt64Array,
): Uint8Array {
  return message(
    ...shape.map((size) => number(1, size)), // dims
    number(2, values instanceof Float32Array ? FLOAT : INT64), // data_type
    text(8, name),
    bytes(9, new Uint8Array(values.buffer, values.byteOffset, values.byteLength)), // raw_data
  )
}

/** ValueInfoProto: a name, and the type float32 [rows, columns]. */
function matrixInfo(name: string, rows: number, columns: number): Uint8Array {
  const dimension = (size: number) => bytes(1, message(number(1, size)))
  const shape = message(dimension(rows), dimension(columns))
  const tensorType = message(number(1, FLOAT), bytes(2, shape))
  return message(text(1, name), bytes(2, message(bytes(1, tensorType))))
}

function message(...fields: Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(fields.reduce((length, field) => length + field.length, 0))
  let at = 0
  for (const field of fields) {
    whole.set(field, at)
    at += field.length
  }
  return whole
}

function number(field: number, value: number): Uint8Array {
  return message(varint(field * 8), varint(value))
}

function bytes(field: number, value: Uint8Array): Uint8Array {
  return message(varint(field * 8 + 2), varint(value.length), value)
}

function text(field: number, value: string): Uint8Array {
  return bytes(field, new TextEncoder().encode(value))
}

/** Seven bits per byte, lowest first; the top bit says that more follow. */
function varint(value: number): Uint8Array {
  const out: number[] = []
  for (; value > 127; value = Math.floor(value / 128)) out.push((value % 128) + 128)
  return Uint8Array.of(...out, value)
}
