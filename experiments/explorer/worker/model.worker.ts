// The worker of the backends `wasm` and `reference`.
import { serve } from './serve.ts'

serve()
