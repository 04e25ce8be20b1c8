// Debian's Firefox as it is, through WebDriver BiDi. Playwright's BiDi sends a command that this Firefox does not know.
import { existsSync } from 'node:fs'

const FIREFOX = '/usr/bin/firefox-esr'

/** Milliseconds, for anything that is waited for: a machine may be busy with other things. */
export const PATIENCE = 60_000

/** What the tests use of puppeteer-core, which is installed for them alone. */
interface Element {
  click(): Promise<void>
}

export interface Page {
  readonly keyboard: { press(key: string): Promise<void>; type(text: string): Promise<void> }
  on(event: 'pageerror', act: (error: Error) => void): void
  on(event: 'console', act: (message: { type(): string; text(): string }) => void): void
  goto(url: string): Promise<unknown>
  reload(): Promise<unknown>
  close(): Promise<void>
  focus(selector: string): Promise<void>
  setDefaultTimeout(ms: number): void
  waitForSelector(selector: string): Promise<Element>
  waitForFunction(holds: () => boolean): Promise<unknown>
  evaluate<T>(read: () => T): Promise<T>
  $eval<T>(selector: string, read: (element: HTMLElement) => T): Promise<T>
}

export interface Browser {
  newPage(): Promise<Page>
  version(): Promise<string>
  close(): Promise<void>
}

/** Starts it without a window. @throws where it, or what drives it, is not installed */
export async function launchFirefox(profile: string): Promise<Browser> {
  if (!existsSync(FIREFOX)) throw new Error(`there is no ${FIREFOX}: apt-get install firefox-esr`)
  const name: string = 'puppeteer-core' // in test/firefox/node_modules, which the type check does without
  const loaded = await (import(name) as Promise<object>).catch((error: Error) => {
    throw new Error(`${error.message}: npm ci --prefix test/firefox`)
  })
  const { launch } = (loaded as { default: { launch(options: object): Promise<Browser> } }).default
  return launch({
    browser: 'firefox',
    executablePath: FIREFOX,
    userDataDir: profile,
    timeout: PATIENCE,
    protocolTimeout: PATIENCE,
  })
}
