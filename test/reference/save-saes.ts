// Saves every SAE of saelens/ as clearbox does, for make-sae-fixtures.py --check: node test/reference/save-saes.ts DIR
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openFile } from '../../engine/weights/files-node.ts'
import { encodeSafetensors, openSafetensors } from '../../engine/weights/safetensors.ts'
import { parseSaeConfig } from '../../sae/config.ts'
import { saeJson, saeTensors } from '../../sae/save.ts'

const from = join(import.meta.dirname, 'saelens/saes')
for (const name of readdirSync(from)) {
  const config = parseSaeConfig(readFileSync(join(from, name, 'cfg.json'), 'utf8'), name)
  const store = await openSafetensors(await openFile(join(from, name, 'sae_weights.safetensors')))
  const folder = join(process.argv[2], name)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'cfg.json'), saeJson(config))
  writeFileSync(join(folder, 'sae_weights.safetensors'), encodeSafetensors(await saeTensors(store, config)))
  await store.close()
}
