// --import it: 'bullmq' and 'ioredis' are then the copies that stand beside this file.
import { registerHooks } from 'node:module'

registerHooks({
  resolve: (specifier, context, next) =>
    next(
      specifier,
      ['bullmq', 'ioredis'].includes(specifier) ? { ...context, parentURL: import.meta.url } : context,
    ),
})
