// Runbooks as the documentation has them.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { blocksOf } from "./markdown";

const text = (text: string) => ({ kind: "text", text });
const code = (text: string) => ({ kind: "code", text });

test("headings, paragraphs, lists and fenced code", () => {
  const document = [
    "# Name",
    "",
    "One line",
    "and the next.",
    "",
    "```sh",
    "# no heading",
    "",
    "virsh list",
    "```",
    "",
    "- look at `virsh",
    "  list`",
    "- read [Other](Other.md).",
  ];
  expect(blocksOf(document.join("\n"))).toEqual([
    { kind: "heading", level: 1, text: [text("Name")] },
    { kind: "paragraph", text: [text("One line and the next.")] },
    { kind: "code", text: "# no heading\n\nvirsh list" },
    {
      kind: "list",
      items: [
        [text("look at "), code("virsh list")],
        [text("read "), { kind: "link", text: "Other", to: "Other.md" }, text(".")],
      ],
    },
  ]);
});

test("what stands together without an empty line is told apart all the same", () => {
  expect(blocksOf("## Do\nFirst:\n- a\n- b\n```\nx")).toEqual([
    { kind: "heading", level: 2, text: [text("Do")] },
    { kind: "paragraph", text: [text("First:")] },
    { kind: "list", items: [[text("a")], [text("b")]] },
    { kind: "code", text: "x" },
  ]);
  expect(blocksOf("")).toEqual([]);
});

test("a18: markup of others is text", () => {
  expect(blocksOf("<img src=x onerror=alert(1)> **b**")).toEqual([
    { kind: "paragraph", text: [text("<img src=x onerror=alert(1)> **b**")] },
  ]);
});

const FOLDER = join(import.meta.dirname, "../../../docs/runbooks");

test.each(readdirSync(FOLDER).filter((name) => name.startsWith("Hostler")))(
  "%s is understood whole",
  (name) => {
    const blocks = blocksOf(readFileSync(join(FOLDER, name), "utf8"));
    expect(blocks[0]).toEqual({
      kind: "heading",
      level: 1,
      text: [text(name.replace(/\.md$/, ""))],
    });
    const said = JSON.stringify(blocks.filter(({ kind }) => kind !== "code"));
    // No mark is left of what would be markup.
    expect(said).not.toMatch(/`|\]\(|"text":"[#|*]|\*\*/);
  },
);
