// Runbooks as they are written in the documentation: headings, paragraphs, lists,
// fenced code, code in a line, and links from one to another. Nothing else is read as
// markup, and nothing becomes HTML of its own.

export type Block =
  | { kind: "heading"; level: number; text: Inline[] }
  | { kind: "paragraph"; text: Inline[] }
  | { kind: "list"; items: Inline[][] }
  | { kind: "code"; text: string };

export type Inline =
  | { kind: "text"; text: string }
  | { kind: "code"; text: string }
  | { kind: "link"; text: string; to: string };

/** The blocks of a document, in their order. */
export function blocksOf(document: string): Block[] {
  const lines = document.split(/\r?\n/);
  const blocks: Block[] = [];
  for (let at = 0; at < lines.length; ) {
    const line = lines[at] ?? "";
    const rest = lines.slice(at);
    if (line.startsWith("```")) {
      const end = rest.findIndex((it, index) => index > 0 && it.startsWith("```"));
      // A fence that does not end is of all that follows.
      const code = rest.slice(1, end < 0 ? undefined : end);
      blocks.push({ kind: "code", text: code.join("\n") });
      at += end < 0 ? rest.length : end + 1;
      continue;
    }
    if (line.trim() === "") {
      at += 1;
      continue;
    }
    // A block goes on to the next empty line or the next fence.
    const end = rest.findIndex(
      (it, index) => index > 0 && (it.trim() === "" || it.startsWith("```")),
    );
    const block = rest.slice(0, end < 0 ? undefined : end);
    at += block.length;
    blocks.push(...textBlocks(block));
  }
  return blocks;
}

function textBlocks([first = "", ...more]: string[]): Block[] {
  const heading = /^(#{1,6}) +(.*)$/.exec(first);
  if (heading) {
    const [, marks = "", text = ""] = heading;
    const block: Block = { kind: "heading", level: marks.length, text: inlinesOf(text) };
    return more.length > 0 ? [block, ...textBlocks(more)] : [block];
  }
  const all = [first, ...more];
  const item = all.findIndex((line) => line.startsWith("- "));
  if (item < 0) return [{ kind: "paragraph", text: joined(all) }];
  const before = all.slice(0, item);
  const items: string[][] = [];
  for (const line of all.slice(item)) {
    if (line.startsWith("- ")) items.push([line.slice(2)]);
    else items.at(-1)?.push(line);
  }
  const list: Block = { kind: "list", items: items.map(joined) };
  return before.length > 0 ? [{ kind: "paragraph", text: joined(before) }, list] : [list];
}

function joined(lines: readonly string[]): Inline[] {
  return inlinesOf(lines.map((line) => line.trim()).join(" "));
}

const MARK = /`([^`]+)`|\[([^\]]+)\]\(([^)\s]+)\)/g;

function inlinesOf(text: string): Inline[] {
  const parts: Inline[] = [];
  let at = 0;
  for (const found of text.matchAll(MARK)) {
    const [all, code, name, to] = found;
    if (found.index > at) parts.push({ kind: "text", text: text.slice(at, found.index) });
    parts.push(
      code === undefined
        ? { kind: "link", text: name ?? "", to: to ?? "" }
        : { kind: "code", text: code },
    );
    at = found.index + all.length;
  }
  if (at < text.length) parts.push({ kind: "text", text: text.slice(at) });
  return parts;
}
