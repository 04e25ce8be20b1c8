// The worker of gpu.js' backends: the other worker's code, under a policy that lets gpu.js make functions from source.
import { serve } from './serve.ts'

serve()
