import { testMode } from './gpujs-mode.ts'

await testMode('webgpu')
