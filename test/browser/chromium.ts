import { access } from 'node:fs/promises'
import { chromium, type Browser } from 'playwright-core'

const EXECUTABLE = '/usr/bin/chromium'

/** Chromium as every browser test runs it: headless, and silent on the network by itself. Without it the tests fail. */
export async function launchChromium(extraArguments: readonly string[] = []): Promise<Browser> {
  await access(EXECUTABLE).catch(() => {
    throw new Error(
      `browser tests need Chromium at ${EXECUTABLE}, and it is not there: install it and run them again`,
    )
  })
  const quiet = [
    '--headless=new',
    '--no-sandbox',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ]
  return chromium.launch({ executablePath: EXECUTABLE, args: [...quiet, ...extraArguments] })
}
