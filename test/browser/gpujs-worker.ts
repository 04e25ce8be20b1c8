// A dedicated worker: runs the bundled model on the backend that it is told, and answers with the run or the error.
import { runTiny, type TinyRun } from './wasm-page.ts'

export type WorkerAnswer = { readonly run: TinyRun } | { readonly error: string }

addEventListener('message', ({ data: backend }: MessageEvent<string>) => {
  void runTiny({}, backend)
    .then(
      (run): WorkerAnswer => ({ run }),
      (error: unknown): WorkerAnswer => ({ error: String(error) }),
    )
    .then((answer) => postMessage(answer))
})
