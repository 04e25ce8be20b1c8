// How foreign text is shown: nothing in it is invisible, and nothing reverses the direction of the line.

/**
 * `text` with line breaks, tabs, and characters that are invisible or reverse the line, written out.
 * It also runs inside reports, into which its source is copied: it uses nothing from outside.
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
