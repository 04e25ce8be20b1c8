// How text that is not ours is shown: nothing in it is invisible, and nothing turns the line around.

/**
 * `text` with line ends, tabs, and what would be invisible or turn the line around, written out.
 * It also runs inside reports, where it arrives as its own source: it uses nothing from outside.
 */
export function visible(text: string): string {
  const joiners = /^[\u200c\u200d\ufe00-\ufe0f]+$/.test(text)
  return text.replace(/[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}]/gu, (character) => {
    if (character === ' ' || /[\p{Co}\p{Cn}]/u.test(character)) return character
    if (character === '\n') return '↵\n'
    if (character === '\t') return '⇥\t'
    // Between letters and in emoji, (non-)joiners and variation selectors are spelling; alone they are a riddle.
    if (/[\u200c\u200d\ufe00-\ufe0f]/.test(character) && !joiners) return character
    return `[U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}]`
  })
}
