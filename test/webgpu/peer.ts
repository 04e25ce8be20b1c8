// --import it: 'webgpu' is then the copy that stands beside this file, on SwiftShader unless VK_DRIVER_FILES names a driver.
import { registerHooks } from 'node:module'

/** The driver's description. */
export const DRIVER = (process.env.VK_DRIVER_FILES ??= '/usr/lib/chromium/vk_swiftshader_icd.json')

registerHooks({
  resolve: (specifier, context, next) =>
    next(specifier, specifier === 'webgpu' ? { ...context, parentURL: import.meta.url } : context),
})
