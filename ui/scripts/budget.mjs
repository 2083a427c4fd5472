// Fails the build when the first page needs more than 300 KB of compressed
// JavaScript (consoles are opened over slow links too), or when a style sheet
// holds a selector that makes every inserted row restyle its whole table.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const LIMIT = 300 * 1024;
const dist = new URL("../dist/", import.meta.url).pathname;
const manifest = JSON.parse(readFileSync(join(dist, ".vite/manifest.json"), "utf8"));

const wanted = new Set();
function need(key) {
  if (wanted.has(key)) return;
  wanted.add(key);
  for (const next of manifest[key].imports ?? []) need(next);
}
need("index.html");
// The first page that somebody sees is the table of VMs.
need("src/pages/vms/VmsPage.tsx");

let total = 0;
for (const key of wanted) {
  const { file } = manifest[key];
  if (file.endsWith(".js")) total += gzipSync(readFileSync(join(dist, file))).length;
}
console.log(`initial JavaScript: ${(total / 1024).toFixed(1)} KiB gzip of ${LIMIT / 1024}`);
if (total > LIMIT) {
  console.error("over budget: load what the first page does not need by import()");
  process.exit(1);
}

const assets = join(dist, "assets");
for (const name of readdirSync(assets).filter((file) => file.endsWith(".css"))) {
  const found = readFileSync(join(assets, name), "utf8").match(/[^{}]*[ >]\*\s*[+~]\s*\*[^{}]*/);
  if (!found) continue;
  console.error(`${name}: \`${found[0].trim()}\` restyles all siblings of whatever is inserted`);
  process.exit(1);
}
