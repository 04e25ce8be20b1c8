/** The post's four layers of GPT-2 small. */
export const postLayers: readonly number[] = [6, 8, 10, 11]
