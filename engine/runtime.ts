// What runs this code: Node, or a browser.

export const isNode = typeof process !== 'undefined' && Boolean(process.versions?.node)
