import type { Problem } from '../matmul.ts'

/**
 * An ONNX model of one MatMul, C = A x B with B inside, as protocol buffers: each field is a key (number * 8 +
 * wire type) and a value. The field numbers are those of onnx.proto3 (github.com/onnx/onnx), opset 13.
 */
export function matmulModel({ m, k, n, b }: Problem): Uint8Array {
  const node = message(text(1, 'A'), text(1, 'B'), text(2, 'C'), text(4, 'MatMul'))
  const initializer = message(
    number(1, k), // dims
    number(1, n),
    number(2, FLOAT), // data_type
    text(8, 'B'),
    bytes(9, new Uint8Array(b.buffer, b.byteOffset, b.byteLength)), // raw_data
  )
  const graph = message(
    bytes(1, node),
    text(2, 'matmul'),
    bytes(5, initializer),
    bytes(11, matrixInfo('A', m, k)), // input
    bytes(12, matrixInfo('C', m, n)), // output
  )
  return message(
    number(1, 8), // ir_version
    bytes(7, graph),
    bytes(8, message(text(1, ''), number(2, 13))), // opset_import: the standard domain, version
  )
}

/** TensorProto.DataType.FLOAT */
const FLOAT = 1

/** ValueInfoProto: a name, and the type float32 [rows, columns]. */
function matrixInfo(name: string, rows: number, columns: number): Uint8Array {
  const dimension = (size: number) => bytes(1, message(number(1, size)))
  const shape = message(dimension(rows), dimension(columns))
  const tensorType = message(number(1, FLOAT), bytes(2, shape))
  return message(text(1, name), bytes(2, message(bytes(1, tensorType))))
}

function message(...fields: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(fields))
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

/** Seven bits a byte, lowest first; the top bit says that more follow. */
function varint(value: number): Uint8Array {
  const out: number[] = []
  for (; value > 127; value = Math.floor(value / 128)) out.push((value % 128) + 128)
  return Uint8Array.of(...out, value)
}
