// Numbers of tokens as people write them.
import { InvalidArgumentError } from 'commander'

/** An option's parser: `250000`, `250k`, `1.5M`. */
export function tokenCount(label: string) {
  return (text: string): number => {
    const [, digits, unit = ''] = /^(\d+(?:\.\d+)?)([kM]?)$/.exec(text) ?? []
    const value = Number(digits) * { '': 1, k: 1e3, M: 1e6 }[unit as '' | 'k' | 'M']
    if (!(Number.isSafeInteger(value) && value > 0))
      throw new InvalidArgumentError(`${label}: expected a number such as 250000, 250k or 1M, got '${text}'.`)
    return value
  }
}
