// The table of VMs: what stands in the URL, live changes, actions and operations.
import { readFileSync } from "node:fs";
import type { Response } from "playwright-core";
import { expect, test } from "vitest";
import type { Page as ListPage, VmSummary } from "../src/api/types";
import { stories } from "./browser";
import { newVm, vmsIn } from "./fleet";
import { restyled } from "./restyled";

const story = stories();
const table = () => story.page.getByRole("table", { name: "Virtual machines" });
const rows = () => table().locator("[data-row]");

test("c10: the table shows what the API has, and a filter stands in the URL", async () => {
  await story.open("/vms");
  await rows().first().waitFor();
  await expect
    .poll(async () => {
      const { approx_total } = await story.api<ListPage<VmSummary>>("/api/v1/vms?limit=1");
      return story.page.getByText(new RegExp(`^${approx_total} VMs?`)).count();
    })
    .toBe(1);
  await story.page.getByRole("button", { name: "State: all" }).click();
  await story.page.getByRole("option", { name: "running", exact: true }).click();
  await story.page.waitForURL(/state=running/);
  await expect.poll(() => badStates("running")).toBe(0);
  // The URL alone brings the same view back.
  await story.page.reload();
  await rows().first().waitFor();
  await story.page.getByRole("button", { name: "State: running" }).waitFor();
  await expect.poll(() => badStates("running")).toBe(0);
});

/** Rows in view whose state is not the wanted one: a VM may change before the list is read again. */
async function badStates(wanted: string): Promise<number> {
  const states = await rows().locator(".state").allInnerTexts();
  return states.filter((state) => !state.startsWith(wanted)).length;
}

test("`/` focuses the search, which narrows the table", async () => {
  const [vm] = await vmsIn(story, "running");
  await story.open("/vms");
  await rows().first().waitFor();
  await story.page.keyboard.press("/");
  await story.page.keyboard.type(vm?.name ?? "");
  await story.page.waitForURL(/search=/);
  await expect
    .poll(async () => {
      const names = await rows().evaluateAll((all) =>
        all.map((row) => row.getAttribute("data-row")),
      );
      return names.length > 0 && names.every((name) => name?.includes(vm?.name ?? "?"));
    })
    .toBe(true);
});

test("a click on a header sorts, and the order stands in the URL", async () => {
  await story.open("/vms");
  await rows().first().waitFor();
  await table().getByRole("button", { name: "Name" }).click();
  await story.page.waitForURL(/sort=-name/);
  await expect
    .poll(async () => {
      const names = await rows().evaluateAll((all) =>
        all.map((row) => row.getAttribute("data-row") ?? ""),
      );
      const sorted = [...names].sort((a, b) => (a < b ? 1 : a > b ? -1 : 0));
      return names.length > 1 && names.join() === sorted.join();
    })
    .toBe(true);
});

test("c4: a VM is stopped and started from its page, and its operations are seen", async () => {
  const vm = await newVm(story, true);
  await story.open(`/vms/${vm.id}?ops=true`);
  await story.page.getByRole("heading", { name: vm.name, level: 1 }).waitFor();
  await story.page.getByRole("button", { name: "More" }).click();
  await story.page.getByRole("menuitem", { name: "Force stop" }).click();
  await story.page.getByRole("dialog").getByRole("button", { name: "Force stop" }).click();
  await operationEnds("vm.force_stop", vm.name);
  await story.page.locator(".vm-head .state", { hasText: "stopped" }).waitFor();
  await story.page.getByRole("button", { name: "Start", exact: true }).click();
  await operationEnds("vm.start", vm.name);
  await story.page.locator(".vm-head .state", { hasText: "running" }).waitFor();
});

/** The drawer shows the newest operation of the kind on the VM as succeeded. */
async function operationEnds(kind: string, vm: string): Promise<void> {
  await story.page
    .getByRole("table", { name: "Recent operations" })
    .getByRole("row")
    .filter({ hasText: kind })
    .filter({ hasText: vm })
    .first()
    .getByText("succeeded")
    .waitFor();
}

test("an action that is not possible is greyed and says why", async () => {
  const vm = await newVm(story, false);
  const reason = vm.actions.pause?.reason ?? "";
  expect(reason).not.toBe("");
  await story.open(`/vms/${vm.id}`);
  const pause = story.page.getByRole("button", { name: "Pause" });
  await pause.waitFor();
  await expect.poll(() => pause.getAttribute("aria-disabled")).toBe("true");
  await pause.focus();
  await story.page.getByRole("tooltip").filter({ hasText: reason }).waitFor();
});

test("many VMs are acted on at once, and each answers for itself", async () => {
  // By name, so that none leaves its place when it starts or stops by itself.
  await story.open("/vms");
  await rows().first().waitFor();
  const names: string[] = [];
  for (const index of [0, 1, 2]) {
    names.push((await rows().nth(index).getAttribute("data-row")) ?? "");
    await rows().nth(index).getByRole("checkbox").check();
  }
  const bar = story.page.getByRole("toolbar", { name: "Selected VMs" });
  await bar.getByText("3 VMs selected").waitFor();
  // Started, running already, or refused; whatever it is, each says so.
  await bar.getByRole("button", { name: "Start" }).click();
  story.expectStatus(409);
  const dialog = story.page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Start 3 VMs" }).click();
  await dialog.getByText("3 of 3").waitFor();
  const answers = await dialog.locator(".answers li").allInnerTexts();
  expect(answers).toHaveLength(3);
  for (const name of names) expect(answers.some((answer) => answer.startsWith(name))).toBe(true);
  expect(answers.some((answer) => answer.includes("waiting"))).toBe(false);
});

test("columns are hidden and shown, and the URL says which", async () => {
  const { page } = story;
  await story.open("/vms");
  await rows().first().waitFor();
  await page.getByRole("button", { name: "Columns" }).click();
  await page.getByRole("menuitem", { name: "Memory" }).getByRole("checkbox").uncheck();
  await page.waitForURL(/hide=memory_bytes/);
  await table().getByRole("columnheader", { name: "Memory" }).waitFor({ state: "detached" });
  await page.reload();
  await rows().first().waitFor();
  expect(await table().getByRole("columnheader", { name: "Memory" }).count()).toBe(0);
  expect(await table().getByRole("columnheader", { name: "CPUs" }).count()).toBe(1);
});

test("all VMs that match are exported as a file", async () => {
  const { page } = story;
  await story.open("/vms?state=running");
  await rows().first().waitFor();
  await page.getByRole("button", { name: "Export" }).click();
  // The fleet lives: what was told while it was exported is what the file has to say.
  const told: Promise<string[]>[] = [];
  page.on("response", (response) => {
    if (response.url().includes("/api/v1/vms?")) told.push(idsIn(response));
  });
  const saving = page.waitForEvent("download");
  await page.getByRole("menuitem", { name: "As CSV" }).click();
  const saved = await saving;
  expect(saved.suggestedFilename()).toBe("vms.csv");
  const [header, ...lines] = readFileSync(await saved.path(), "utf8")
    .trimEnd()
    .split("\r\n");
  expect(header).toMatch(/^id,name,state,/);
  const cells = lines.map((line) => line.split(","));
  expect(cells.length).toBeGreaterThan(10);
  expect(cells.every(([, , state]) => state === "running")).toBe(true);
  expect(await Promise.all(told)).toContainEqual(cells.map(([id]) => id));
});

/** The ids in an answer to a list; none where the page did not wait for all of it. */
async function idsIn(response: Response): Promise<string[]> {
  const list = (await response.json().catch(() => undefined)) as ListPage<VmSummary> | undefined;
  return list?.items.map(({ id }) => id) ?? [];
}

test("scrolling restyles the rows that come into view and no others", async () => {
  await story.open("/vms");
  await rows().first().waitFor();
  const { rows: came, elements } = await restyled(story.page);
  expect(came).toBeGreaterThan(10);
  expect(elements / came).toBeLessThan(100);
});

test("the table is walked by keyboard: j and k, x ticks, Enter opens", async () => {
  const { page } = story;
  await story.open("/vms");
  await rows().first().waitFor();
  const names = await rows().evaluateAll((all) => all.map((row) => row.getAttribute("data-row")));
  for (const key of ["j", "j", "j", "k", "x"]) await page.keyboard.press(key);
  await page.getByRole("toolbar", { name: "Selected VMs" }).getByText("1 VM selected").waitFor();
  await expect.poll(() => rows().nth(1).getByRole("checkbox").isChecked()).toBe(true);
  // The row with the focus stays in the document however far is scrolled.
  await page
    .locator("section.data-table")
    .first()
    .evaluate((element) => element.scrollTo(0, 3000));
  await expect.poll(() => focused(names[1])).toBe(true);
  await page.keyboard.press("j");
  await expect.poll(() => focused(names[2])).toBe(true);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: names[2] ?? "", level: 1 }).waitFor();
});

/** Whether the row of that name has the focus. */
function focused(name: string | null | undefined): Promise<boolean> {
  return story.page.evaluate(
    (wanted) => document.activeElement?.closest("[data-row]")?.getAttribute("data-row") === wanted,
    name,
  );
}

test("a row's menu opens over the table, whole, and gives the focus back", async () => {
  const { page } = story;
  await story.open("/vms");
  await rows().first().waitFor();
  const name = await rows().nth(2).getAttribute("data-row");
  await rows()
    .nth(2)
    .getByRole("button", { name: `Actions of ${name}` })
    .click();
  const item = page.getByRole("menuitem", { name: /^Start/ });
  await item.waitFor();
  const isOnTop = () =>
    item.evaluate((element) => {
      const { left, top, width, height } = element.getBoundingClientRect();
      const hit = document.elementFromPoint(left + width / 2, top + height / 2);
      return hit !== null && (element.contains(hit) || hit.contains(element));
    });
  await expect.poll(isOnTop).toBe(true);
  await page.keyboard.press("Escape");
  await item.waitFor({ state: "detached" });
  await expect.poll(() => focused(name)).toBe(true);
});
