// What an edit does to the model, in words and as the list of what it changes.
import { showNumber } from '../../lab/report/numbers.ts'
import type { Change } from '../../lab/models/changes.ts'

/** Whether two changes concern the same thing: a feature has one change at a time. */
export function sameThing(a: Change, b: Change): boolean {
  return thingOf(a) === thingOf(b)
}

/** The edit with this change, which replaces any other of the same thing. */
export function withChange(edit: readonly Change[], change: Change): Change[] {
  const at = edit.findIndex((other) => sameThing(other, change))
  return at < 0 ? [...edit, change] : edit.with(at, change)
}

/** The edit without any change of the same thing. */
export function withoutChange(edit: readonly Change[], change: Change): Change[] {
  return edit.filter((other) => !sameThing(other, change))
}

/** `feature 928 of layer 3` */
export function thingOf(change: Change): string {
  if (change.kind === 'head') return `head ${change.head} of layer ${change.layer}`
  if (change.kind === 'neuron') return `neuron ${change.neuron} of layer ${change.layer}`
  return `feature ${change.feature} of layer ${change.layer}`
}

/** `feature 928 of layer 3 turned up by 4` */
export function changeName(change: Change): string {
  if (change.kind === 'scale')
    return `${thingOf(change)} scaled by ${showNumber(change.factor)} where it fires`
  if (change.kind === 'up') return `${thingOf(change)} turned up by ${showNumber(change.coefficient)}`
  return `${thingOf(change)} turned off`
}
