// Makes a component: node build.mjs SOURCE WIT WORLD OUTPUT
import { writeFile } from 'node:fs/promises';
import { componentize } from '@bytecodealliance/componentize-js';

const [sourcePath, witPath, worldName, output] = process.argv.slice(2);
const { component } = await componentize({
  sourcePath,
  witPath,
  worldName,
  // The server offers no wasi:http.
  disableFeatures: ['http', 'fetch-event'],
});
await writeFile(output, component);
