// How a patch is written in the page’s address.
import { PATCHED } from '../../lab/analysis/intervene.ts'
import type { Patch } from '../protocol.ts'

/** `hook_resid_pre-other-10-12`, with `likeliest` where no token is chosen. */
export function writePatch(patch: Patch | null): string {
  if (patch === null) return ''
  const { site, into, target, against } = patch
  return [site, into, target ?? 'likeliest', ...(against === null ? [] : [against])].join('-')
}

/** Undefined unless it is as writePatch writes it. */
export function readPatch(written: string): Patch | undefined {
  const [, name, into, target, against] =
    /^([\w.]+)-(text|other)-(\d{1,6}|likeliest)(?:-(\d{1,6}))?$/.exec(written) ?? []
  const site = PATCHED.find((known) => known === name)
  if (site === undefined || (into !== 'text' && into !== 'other')) return undefined
  return {
    ...{ site, into },
    target: target === 'likeliest' ? null : Number(target),
    against: against === undefined ? null : Number(against),
  }
}
