import { testMode } from './gpujs-mode.ts'

await testMode('webgl2')
