// What "copy as CLI" copies.
import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import type { DiskSpec, VmRequest } from "../api/types";
import { cliText, jsonText, shell } from "./cliText";

const REQUEST: VmRequest = {
  spec: {
    name: "web-1",
    cpu: { count: 2 },
    memory: { bytes: 4 * 1024 ** 3 },
    disks: [
      { name: "root", source: { image: { image: "debian-13", size_bytes: 20 * 1024 ** 3 } } },
    ],
    nics: [{ source: { network: "default" } }],
    description: "Bob's shop",
  },
  start: false,
};

test("flags say what the form says", () => {
  expect(cliText(REQUEST).replaceAll(" \\\n  ", " ")).toBe(
    "hostler vm create web-1 --image debian-13 --disk 20G --cpus 2 --memory 4G --network default --description 'Bob'\\''s shop' --no-start",
  );
});

test("a format and a volume that exists are parts of the disk", () => {
  const text = (source: DiskSpec["source"]) =>
    cliText({ ...REQUEST, spec: { ...REQUEST.spec, disks: [{ name: "root", source }] } });
  expect(text({ empty: { size_bytes: 2 ** 30, pool: "fast", format: "raw" } })).toContain(
    "--disk 1G,pool=fast,format=raw",
  );
  expect(text({ volume: { pool: "fast", volume: "data" } })).toContain(
    "--disk volume=data,pool=fast",
  );
  // A comma would begin another part of the flag, and a format without a size has none.
  expect(text({ volume: { pool: "fast", volume: "a,b" } })).toContain("--file -");
  expect(text({ image: { image: "debian-13", format: "raw" } })).toContain("--file -");
});

test("what flags cannot say is given as the whole document", () => {
  const request = {
    ...REQUEST,
    spec: { ...REQUEST.spec, cloud_init: { user_data: "#cloud-config\n" } },
  };
  const text = cliText(request);
  expect(text).toContain(jsonText(request));
  expect(text.startsWith("hostler vm create --file - <<'EOF'\n")).toBe(true);
});

test.each(["plain", "two words", "it's", "$(reboot)", "`x`", "", "a\nb", "\\"])(
  "a shell reads %j back unchanged",
  (word) => {
    const read = execFileSync("/bin/sh", ["-c", `printf %s ${shell(word)}`], { encoding: "utf8" });
    expect(read).toBe(word);
  },
);
