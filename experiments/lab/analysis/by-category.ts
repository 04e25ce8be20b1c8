// Lists with an entry for each category, in the order of the texts: also in results.json.

/** An entry. Objects would not do as lists: they put names that are numbers, such as "10", first. */
export interface OfCategory {
  category: string
}

/** The entry of a category. @throws if there is none */
export function ofCategory<T extends OfCategory>(entries: readonly T[], category: string): T {
  const found = entries.find((one) => one.category === category)
  if (found === undefined) throw new Error(`there is no category ${JSON.stringify(category)}`)
  return found
}
