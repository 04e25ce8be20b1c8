// Where files are fetched from and kept, and how patiently.
import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { UserError } from '../../cli/user-error.ts'

/** How long a server may take and how often it is asked again. */
export interface Patience {
  /** A server that sends nothing for so long, before its answer or within it, is given up. */
  readonly silenceMs: number
  /** A body that comes in fewer bytes a second than this, over `rateMs`, is given up too. */
  readonly slowestRate: number
  readonly rateMs: number
  /** Failures in a row, none of them with progress, before a download is given up. */
  readonly tries: number
  /** The pause after the first failure; each further one doubles it. */
  readonly backoffMs: number
  /** A server that asks for a longer pause (Retry-After) is not waited for. */
  readonly longestPauseMs: number
}

export const patience: Patience = {
  silenceMs: 30_000,
  slowestRate: 1000,
  rateMs: 30_000,
  tries: 5,
  backoffMs: 1000,
  longestPauseMs: 120_000,
}

/** Where files are fetched from and kept. */
export interface HubSettings {
  /** The model hub, without a slash at its end. */
  readonly endpoint: string
  /** Where public repositories' files are served as they are. */
  readonly rawEndpoint: string
  /** Hugging Face's cache: holds `models--ORG--NAME` folders, shared with Python's tools. */
  readonly cacheFolder: string
  /** What does not come from the hub. */
  readonly ownCacheFolder: string
  /** Sent to the hub and to no other host. */
  readonly token?: string
  /** Nothing is fetched: what is not there is an error. */
  readonly offline: boolean
  readonly patience: Patience
}

/**
 * The settings that Python's huggingface_hub reads from the environment, with the same meaning: HF_ENDPOINT,
 * HF_HOME, HF_HUB_CACHE, XDG_CACHE_HOME, HF_TOKEN, HF_TOKEN_PATH, HF_HUB_OFFLINE.
 * https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables
 * CLEARBOX_RAW_ENDPOINT names a mirror of raw.githubusercontent.com.
 * @throws UserError if an endpoint is neither https nor on this machine
 */
export async function hubSettings(
  env: NodeJS.ProcessEnv = process.env,
  { offline = false } = {},
): Promise<HubSettings> {
  const caches = fromHome(env.XDG_CACHE_HOME) ?? join(homedir(), '.cache')
  const home = fromHome(env.HF_HOME) ?? join(caches, 'huggingface')
  const tokenFile = fromHome(env.HF_TOKEN_PATH) ?? join(home, 'token')
  const token = env.HF_TOKEN || (await readFile(tokenFile, 'utf8').catch(() => ''))
  return {
    endpoint: checkEndpoint('HF_ENDPOINT', env.HF_ENDPOINT || 'https://huggingface.co'),
    rawEndpoint: checkEndpoint(
      'CLEARBOX_RAW_ENDPOINT',
      env.CLEARBOX_RAW_ENDPOINT || 'https://raw.githubusercontent.com',
    ),
    cacheFolder: fromHome(env.HF_HUB_CACHE) ?? fromHome(env.HUGGINGFACE_HUB_CACHE) ?? join(home, 'hub'),
    ownCacheFolder: join(caches, 'clearbox'),
    token: token.trim() || undefined,
    offline: offline || isTrue(env.HF_HUB_OFFLINE) || isTrue(env.TRANSFORMERS_OFFLINE),
    patience,
  }
}

function checkEndpoint(name: string, text: string): string {
  if (!URL.canParse(text))
    throw new UserError(`${name}: expected a URL such as https://huggingface.co, got '${text}'`)
  if (!isSecure(new URL(text)))
    throw new UserError(
      `${name}: expected an https address, got '${text}': only this machine may be asked without`,
    )
  return text.replace(/\/+$/, '')
}

/** https, or plain http to this machine. */
export function isSecure(url: URL): boolean {
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url))
}

export function isLoopback({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname)
}

/** A folder from the environment, `~` written out; undefined if not set. */
function fromHome(path: string | undefined): string | undefined {
  return path?.replace(/^~(?=$|[\\/])/, homedir()) || undefined
}

function isTrue(value: string | undefined): boolean {
  return ['1', 'on', 'yes', 'true'].includes(value?.toLowerCase() ?? '')
}
