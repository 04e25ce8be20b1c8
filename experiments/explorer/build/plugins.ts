// What Vite does for this page beyond its own.
import type { Plugin } from 'vite'
import { pagePolicy } from '../policy.ts'

/**
 * Keeps `*-node.ts` out: what runs in a browser too reaches these files by `await import()` only, and only in Node
 * (`npm run imports`).
 */
export function withoutNode(): Plugin {
  return {
    name: 'without-node',
    enforce: 'pre',
    resolveId: (source) => (source.endsWith('-node.ts') ? `\0${source}` : undefined),
    load(id) {
      if (id.startsWith('\0') && id.endsWith('-node.ts'))
        return `throw new Error(${JSON.stringify(`${id.slice(1)} needs Node`)})`
    },
  }
}

/** The page carries its policy itself, for hosts that send no headers; and leads to the reports where they are served. */
export function withHead(reports: boolean): Plugin {
  const attrs = { 'http-equiv': 'Content-Security-Policy', content: pagePolicy }
  const link = reports ? '<a href="./reports/">Reports of the experiments</a>' : ''
  return {
    name: 'with-head',
    transformIndexHtml: (html) => ({
      html: html.replace('<!-- reports -->', link),
      tags: [{ tag: 'meta', attrs, injectTo: 'head-prepend' }],
    }),
  }
}
