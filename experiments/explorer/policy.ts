// Content-Security-Policies: each kind of file is allowed only what it needs.
// A worker loaded from the network has the policy of its own response and not the page's (W3C Content Security Policy 3,
// "Should a worker inherit").

const common = { 'default-src': "'none'", 'connect-src': "'self'", 'worker-src': "'self'" }

const page = {
  ...common,
  'script-src': "'self'",
  'style-src': "'self'",
  'img-src': "'self' data:",
  'base-uri': "'none'",
  'form-action': "'none'",
}

/** The page's, as a meta element carries it to hosts that send no headers. */
export const pagePolicy = written(page)

/** The page's as a header, which alone can say who may frame it. */
export const pageHeader = written({ ...page, 'frame-ancestors': "'none'" })

/** For the address of a single card (`?card=`): any page may frame it. It has links, but nothing that a click could change. */
export const cardHeader = written({ ...page, 'frame-ancestors': '*' })

/** For a report, which carries the rest of its policy itself. */
export const reportHeader = written({ 'frame-ancestors': "'none'" })

/** Every other script's: the engine compiles WebAssembly that it made itself. */
export const scriptHeader = written({ ...common, 'script-src': "'self' 'wasm-unsafe-eval'" })

/** The worker of gpu.js: it makes functions from source, and starts its own workers from blobs. */
export const gpujsHeader = written({
  ...common,
  'script-src': "'self' 'wasm-unsafe-eval' 'unsafe-eval'",
  'worker-src': "'self' blob:",
})

function written(policy: Readonly<Record<string, string>>): string {
  return Object.entries(policy)
    .map(([directive, sources]) => `${directive} ${sources}`)
    .join('; ')
}
