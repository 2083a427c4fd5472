// Puts beside each text of the built interface the same compressed with brotli:
// once and as small as can be, so that the server need not do it for every browser.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";

/** Smaller ones fit into a packet anyway; the server's own limit is the same. */
const BYTES_MIN = 1024;
const TEXTS = /\.(css|html|js|json|map|svg|txt)$/;
const dist = new URL("../dist/", import.meta.url).pathname;

let before = 0;
let after = 0;
for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
  const path = join(entry.parentPath ?? entry.path, entry.name);
  // What the build keeps for itself is served to nobody.
  if (!entry.isFile() || !TEXTS.test(entry.name) || path.includes("/.vite/")) continue;
  const plain = readFileSync(path);
  if (plain.length < BYTES_MIN) continue;
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
    [constants.BROTLI_PARAM_SIZE_HINT]: plain.length,
  };
  const packed = brotliCompressSync(plain, { params });
  if (packed.length >= plain.length) continue;
  writeFileSync(`${path}.br`, packed);
  before += plain.length;
  after += packed.length;
}
console.log(`packed: ${(before / 1024).toFixed(0)} KiB as ${(after / 1024).toFixed(0)} KiB`);
