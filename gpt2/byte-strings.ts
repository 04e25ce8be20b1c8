// Bytes as strings of one character per byte, and bytes shown as text.

/** Unlike a TextDecoder's default, this keeps a byte order mark: it is a character like others. */
export function utf8Decoder(): TextDecoder {
  return new TextDecoder('utf-8', { ignoreBOM: true })
}

/** UTF-8 as a byte string: a key that a Map can hold. TextEncoder writes a lone surrogate as U+FFFD. */
export function byteString(text: string): string {
  let bytes = ''
  for (const byte of new TextEncoder().encode(text)) bytes += String.fromCharCode(byte)
  return bytes
}

export function byteArray(bytes: string): Uint8Array {
  return Uint8Array.from(bytes, (byte) => byte.charCodeAt(0))
}

/** Whole characters in a byte string: a lead byte and as many continuation bytes as it announces. */
const WHOLE_CHARACTERS =
  /((?:[\0-\x7f]|[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3})+)/

/** A byte string as text, with what is not a whole character in hexadecimal. */
export function showBytes(bytes: string): string {
  // Splitting by a captured group alternates: bytes between characters (often none), characters, bytes, ...
  return bytes
    .split(WHOLE_CHARACTERS)
    .map((part, i) => (i % 2 === 1 ? utf8Decoder().decode(byteArray(part)) : showRawBytes(part)))
    .join('')
}

function showRawBytes(bytes: string): string {
  if (bytes === '') return ''
  return `⟨${Array.from(byteArray(bytes), (byte) => byte.toString(16).padStart(2, '0')).join(' ')}⟩`
}
