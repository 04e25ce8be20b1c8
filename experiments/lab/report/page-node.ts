// A page as one HTML file that needs nothing else.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { h, type VNode } from 'preact'
import { renderToString } from 'preact-render-to-string'
import { parseHTML } from 'linkedom'

/** One HTML file that needs nothing else: no network, no font, no image. */
interface Page {
  title: string
  description: string
  body: VNode
  /** The id of the run that made it. */
  run?: string
  /** Data for the script, under the id it is looked up by. */
  data?: { id: string; value: unknown }
  script?: string
  /** Whether the script loads others from beside the page. */
  dataScripts?: boolean
}

/** The name under which a page's head has its run. */
export const RUN_META = 'clearbox-run'

const THEME = ['palette', 'page', 'parts', 'controls', 'media']

/** A document to draw charts in where there is no browser. */
export function chartDocument(): Document {
  return parseHTML('<!doctype html><html><body></body></html>').document
}

/**
 * The page as text. Every text and attribute is escaped by the renderer. Should one slip through all the same, the
 * content security policy lets only this page's own style and script run, by their hashes, and nothing reach the network.
 */
export function renderPage({ title, description, body, data, ...page }: Page): string {
  const style = unixLines(THEME.map(readTheme).join(''))
  const script = page.script && unixLines(page.script)
  const policy = [
    "default-src 'none'",
    'img-src data:',
    `style-src '${hash(style)}'`,
    ...(script === undefined
      ? []
      : [`script-src '${hash(script)}'${page.dataScripts ? " 'self' file:" : ''}`]),
    "base-uri 'none'",
    "form-action 'none'",
  ]
  const head = h('head', null, [
    h('meta', { charset: 'utf-8' }),
    h('meta', { 'http-equiv': 'Content-Security-Policy', content: policy.join('; ') }),
    h('meta', { name: 'viewport', content: 'width=device-width, initial-scale=1' }),
    h('meta', { name: 'color-scheme', content: 'light dark' }),
    page.run && h('meta', { name: RUN_META, content: page.run }),
    h('title', null, title),
    h('meta', { name: 'description', content: description }),
    h('link', { rel: 'icon', href: 'data:,' }),
    raw('style', {}, style),
  ])
  const scripts = [
    data && raw('script', { type: 'application/json', id: data.id }, json(data.value)),
    script && raw('script', {}, script),
  ]
  return `<!doctype html>\n${renderToString(h('html', { lang: 'en' }, [head, h('body', null, [body, scripts])]))}\n`
}

// Style and script are the project's own sources: escaping would change them. Neither may hold an end tag.
function raw(name: 'style' | 'script', attributes: Record<string, string>, source: string): VNode {
  if (/<\/|<!--/.test(source))
    throw new Error(`page: the ${name} holds "</" or "<!--", which would end or hide it`)
  return h(name, { ...attributes, dangerouslySetInnerHTML: { __html: source } } as Record<string, unknown>)
}

/** JSON in which no "<" is left that could end the script element around it. */
function json(value: unknown): string {
  return JSON.stringify(value).replaceAll('<', '\\u003c')
}

// A browser reads CRLF as LF, and it is what the browser reads that the hashes are of.
function unixLines(source: string): string {
  return source.replaceAll('\r\n', '\n')
}

function readTheme(name: string): string {
  return readFileSync(new URL(`theme/${name}.css`, import.meta.url), 'utf8')
}

function hash(source: string): string {
  return `sha256-${createHash('sha256').update(source).digest('base64')}`
}
