// What goes with a VM that is deleted, and what does not.

import { QueryClientProvider } from "@tanstack/react-query";
import { expect, test } from "vitest";
import { keys, makeQueryClient } from "../../api/query";
import type { Vm } from "../../api/types";
import { rendered } from "../../testing/rendered";
import { DeleteDialog } from "./DeleteDialog";

async function said(adopted: Vm["adopted"]) {
  const vm = { id: "7", name: "web", adopted, spec: null, observed: null } as unknown as Vm;
  const queries = makeQueryClient();
  queries.setQueryData(keys.item("vms", "7"), { data: vm, etag: null });
  await rendered(
    <QueryClientProvider client={queries}>
      <DeleteDialog vm={vm} onClose={() => {}} />
    </QueryClientProvider>,
  );
  const dialog = document.querySelector("[role=dialog]");
  return {
    text: dialog?.textContent,
    asks: dialog?.querySelector("input[type=checkbox]") !== null,
  };
}

test("the volumes made for a VM can go with it", async () => {
  const { text, asks } = await said(null);
  expect(text).toContain("Its disks stay.");
  expect(asks).toBe(true);
});

test("x30: the disks of a VM that was adopted stay, and nobody is asked about them", async () => {
  const { text, asks } = await said({ by: "a", at: "2026-11-22T06:00:00Z", read_only: false });
  expect(text).toContain("they are not Hostler's");
  expect(asks).toBe(false);
});
