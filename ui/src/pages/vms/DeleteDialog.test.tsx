// What goes with a VM that is deleted, and what does not: as the server has it.
import { act } from "react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { VmDeletion, VmSummary, VmVolume } from "../../api/types";
import { button, dialog, pass, press, shown, type } from "../../testing/page";
import { DeleteDialog } from "./DeleteDialog";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const VM = { id: "7", name: "web" } as unknown as VmSummary;
const MAY = ["vm.delete", "volume.manage"];

function volume(name: string, kind: VmVolume["kind"], disk: string | null): VmVolume {
  return { pool: "default", volume: name, disk, kind, goes: false, used_by: null };
}

const ALL = [
  volume("web-root", "disk", "root"),
  volume("web-before", "left_behind", null),
  volume("web-seed", "seed", "seed"),
  volume("given", "given", "data"),
];

/** A server that answers as the real one; gives what was asked of it. */
async function opened(volumes: VmVolume[], part: Partial<VmDeletion> = {}, may = MAY) {
  const deleted: { url: string; tag: string | null }[] = [];
  vi.stubGlobal("fetch", async (request: Request) => {
    const { pathname, search } = new URL(request.url);
    const json = (body: unknown, status = 200) =>
      new Response(JSON.stringify(body), {
        status,
        headers: { "content-type": "application/json", etag: '"3"' },
      });
    if (request.method === "DELETE") {
      deleted.push({ url: `${pathname}${search}`, tag: request.headers.get("if-match") });
      return json({ id: "op", kind: "vm.delete", state: "running", resources: [] }, 202);
    }
    if (!pathname.endsWith("/deletion")) return json(VM);
    const disks = search.includes("disks=true");
    const goes = ({ kind }: VmVolume) =>
      kind === "seed" || (disks && (kind === "disk" || kind === "left_behind"));
    const told = volumes.map((one) => ({ ...one, goes: goes(one) }));
    return json({ volumes: told, others: ["/iso/tools.iso"], ends_snapshots: null, ...part });
  });
  await shown(<DeleteDialog vm={VM} onClose={() => {}} />, may);
  await pass();
  const box = () => dialog().querySelector<HTMLInputElement>("input[type=checkbox]");
  return { deleted, box };
}

test("what goes and what stays is named, and nothing else is deleted", async () => {
  const { deleted, box } = await opened(ALL);
  expect(dialog().textContent).not.toContain("are deleted");
  expect(dialog().textContent).toContain("default/web-root (root)");
  await act(async () => box()?.click());
  await pass();
  const text = dialog().textContent ?? "";
  const [gone, kept] = [text.indexOf("are deleted"), text.indexOf("These stay")];
  for (const name of ["web-root (root)", "web-before (left behind"]) {
    expect([gone < text.indexOf(name), text.indexOf(name) < kept], name).toEqual([true, true]);
  }
  expect(text.indexOf("default/given (data)")).toBeGreaterThan(kept);
  expect(text.indexOf("/iso/tools.iso")).toBeGreaterThan(kept);
  expect(text).not.toContain("snapshots");
  await type("Type web to confirm", "web");
  await press("Delete");
  expect(deleted).toEqual([{ url: "/api/v1/vms/7?disks=true", tag: '"3"' }]);
});

test("snapshots are spoken of where it is known what becomes of them", async () => {
  await opened(ALL, { ends_snapshots: false });
  expect(dialog().textContent).toContain("Its snapshots stay.");
});

test("x30: of a VM that was adopted and has no volume of Hostler's nobody is asked", async () => {
  const { box } = await opened([]);
  expect(box()).toBeNull();
  expect(dialog().textContent).toContain("/iso/tools.iso");
});

test("who may not delete volumes is told so, and one of another VM is named", async () => {
  const other = { id: "8", name: "db" };
  const { box } = await opened([{ ...volume("web-root", "disk", "root"), used_by: other }], {}, []);
  expect(box()?.disabled).toBe(true);
  expect(dialog().textContent).toContain("volume.manage");
  expect(button("Delete").disabled).toBe(false);
});
