// Sizes as people read them; apart from the progress bars, so that pages can show them too.
/** `548.1 MB`; below one MB, `1,234 bytes`. A MB is a million bytes. */
export function showBytes(bytes: number): string {
  return bytes < 1e6 ? `${Math.round(bytes).toLocaleString('en')} bytes` : `${(bytes / 1e6).toFixed(1)} MB`
}
