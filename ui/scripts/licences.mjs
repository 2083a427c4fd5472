// Writes dist/licences.txt: name, version, licence and source of every package
// that is part of the built UI, with the licence texts. Their licences ask for
// it; noVNC's (MPL-2.0) also asks to say where its source is.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const root = new URL("..", import.meta.url).pathname;
const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));

const parts = Object.entries(lock.packages)
  .filter(([path, entry]) => path !== "" && !entry.dev && existsSync(join(root, path)))
  .map(([path]) => {
    const folder = join(root, path);
    const about = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const source = about.repository?.url ?? about.repository ?? about.homepage ?? "";
    const texts = readdirSync(folder)
      .filter((file) => /^(licen[cs]e|notice)/i.test(file))
      .map((file) => readFileSync(join(folder, file), "utf8").trim());
    const head = `${about.name} ${about.version} (${about.license})\n${source}`;
    return [head, ...texts].join("\n\n");
  });

const line = `\n\n${"-".repeat(78)}\n\n`;
const intro = "Hostler's web UI contains these packages, unchanged:";
writeFileSync(join(root, "dist/licences.txt"), `${[intro, ...parts].join(line)}\n`);
console.log(`licences of ${parts.length} packages`);
