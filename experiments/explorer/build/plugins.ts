// What this page needs from Vite beyond the usual.
import type { Plugin } from 'vite'
import { pagePolicy } from '../policy.ts'

/** The page carries its own policy, for hosts that send no headers; and links to the reports, where they are served, and to the files in `source/`. */
export function withHead(reports: boolean, files: readonly string[]): Plugin {
  const attrs = { 'http-equiv': 'Content-Security-Policy', content: pagePolicy }
  const link = reports ? '<a href="./reports/">Reports of the experiments</a>' : ''
  return {
    name: 'with-head',
    transformIndexHtml: (html) => ({
      html: html.replace('<!-- reports -->', link).replace('<!-- files -->', links(files)),
      tags: [{ tag: 'meta', attrs, injectTo: 'head-prepend' }],
    }),
  }
}

function links(files: readonly string[]): string {
  return files.map((file) => `<li><a href="./source/${file}.txt" target="_blank">${file}</a></li>`).join('\n')
}
