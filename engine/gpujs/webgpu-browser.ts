// WebGPU in a browser: there, or not.

export const driverAdvice = ''

export async function provideWebGpu(): Promise<void> {}
