// The VMs of the simulated fleet that Hostler did not make: adopted, left alone, and as
// they were again when a story ends.
import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import type { Page as ListPage, PendingAdoption, Vm, VmSummary } from "../src/api/types";
import { stories } from "./browser";
import { waitingVms } from "./fleet";

const story = stories();

const LIST = "/api/v1/admin/pending-adoptions";

function rowOf({ vm }: PendingAdoption) {
  return story.page.locator(`[data-id="${vm.id}"]`);
}

/** Opens the list where only this VM and those of a like name are, and a verb of its menu. */
async function choose(waiting: PendingAdoption, verb: string): Promise<void> {
  await rowOf(waiting)
    .getByRole("button", { name: `Actions of ${waiting.vm.name}` })
    .click();
  await story.page.getByRole("menuitem", { name: verb, exact: true }).click();
}

function listOf({ vm }: PendingAdoption): string {
  return `/adoption?search=${encodeURIComponent(vm.name)}`;
}

function anyName(): string {
  return `e2e-${randomBytes(4).toString("hex")}`;
}

test("e20: g d goes to what waits; the list and the navigation say how many", async () => {
  const { page } = story;
  const [first] = await waitingVms(story, 1);
  await story.open("/vms");
  await page.locator("[data-row]").first().waitFor();
  await Promise.all([page.keyboard.press("g"), page.keyboard.press("d")]);
  await page.getByRole("heading", { name: "Adoption", level: 1 }).waitFor();
  const { approx_total: total } = await story.api<ListPage<PendingAdoption>>(
    `${LIST}?limit=1&filter=${encodeURIComponent("status=pending")}`,
  );
  expect(total).toBeGreaterThan(1);
  await page.getByText(`${total} VMs waiting`, { exact: true }).waitFor();
  await expect.poll(() => page.locator("nav .waiting").innerText()).toMatch(`${total}`);
  const row = rowOf(first as PendingAdoption);
  await row.getByText("foreign").waitFor();
  // Of another origin there is none in the demo, which knows all that it made.
  await page.getByRole("button", { name: "Origin: all" }).click();
  await page.getByRole("option", { name: "lost" }).click();
  await page.waitForURL(/origin=lost/);
  await page.getByText("No VMs waiting match").waitFor();
  await page.getByRole("button", { name: "Clear filters" }).first().click();
  await row.waitFor();
  await row.getByRole("link", { name: first?.vm.name }).click();
  await page.getByText("Hostler only observes this VM").waitFor();
});

test("x30: a VM is adopted under another name, and released as it was", async () => {
  const { page } = story;
  const [waiting] = await waitingVms(story, 1);
  if (!waiting) throw new Error("no VM waits");
  const { id, name } = waiting.vm;
  const [ours, why] = [anyName(), anyName()];
  await story.open(listOf(waiting));
  await choose(waiting, "Adopt …");
  const dialog = page.getByRole("dialog", { name: `Adopt ${name}` });
  const planned = dialog.getByRole("region", { name: "What would be written down" });
  await planned.getByText(name, { exact: true }).waitFor();
  await dialog.getByRole("textbox", { name: "Name" }).fill(ours);
  await dialog.getByRole("textbox", { name: "Why" }).fill(why);
  await planned.getByText(ours, { exact: true }).waitFor();
  await dialog.getByRole("button", { name: "Adopt", exact: true }).click();
  await dialog.waitFor({ state: "detached" });
  await rowOf(waiting).waitFor({ state: "detached" });

  await story.open(`/vms/${id}`);
  await page.getByRole("heading", { name: ours, level: 1 }).waitFor();
  const tag = page.locator(".vm-head .tag", { hasText: "adopted" });
  expect(await tag.getAttribute("title")).toContain(why);
  const adopted = await story.api<Vm>(`/api/v1/vms/${id}`);
  expect([adopted.managed, adopted.observed?.name]).toEqual([true, name]);
  await page.getByRole("button", { name: "More" }).click();
  await page.getByRole("menuitem", { name: "Release", exact: true }).click();
  const release = page.getByRole("dialog", { name: `Release ${ours}?` });
  await release.getByText("Nothing of the VM changes").waitFor();
  await release.getByRole("button", { name: "Release", exact: true }).click();
  await release.waitFor({ state: "detached" });
  await page.getByRole("heading", { name, level: 1 }).waitFor();
  await page.getByText("Hostler only observes this VM").waitFor();
  expect((await story.api<PendingAdoption>(`${LIST}/${id}`)).status).toBe("pending");
});

test("x30: adopted for reading only from its page, nothing that changes it is offered", async () => {
  const { page } = story;
  const [waiting] = await waitingVms(story, 1);
  const { id, name } = waiting?.vm ?? { id: "", name: "" };
  await story.open(`/vms/${id}`);
  await page.getByText("Hostler only observes this VM").waitFor();
  await page.getByRole("button", { name: "Adopt", exact: true }).click();
  const dialog = page.getByRole("dialog", { name: `Adopt ${name}` });
  await dialog.getByRole("checkbox", { name: "For reading only" }).check();
  await dialog.getByRole("button", { name: "Adopt", exact: true }).click();
  await dialog.waitFor({ state: "detached" });
  await page.locator(".vm-head .tag", { hasText: "read only" }).waitFor();
  await page.getByText("Hostler only observes this VM").waitFor({ state: "detached" });
  for (const action of ["Start", "Stop", "Reboot"]) {
    const button = page.getByRole("button", { name: action, exact: true });
    await expect.poll(() => button.getAttribute("aria-disabled"), { message: action }).toBe("true");
  }
  await page.getByRole("button", { name: "Reboot", exact: true }).focus();
  await page.getByRole("tooltip").filter({ hasText: "for reading only" }).waitFor();
});

test("x30: a name that is taken is said where it is typed, and nothing is adopted", async () => {
  const { page } = story;
  story.expectStatus(409);
  const [waiting] = await waitingVms(story, 1);
  if (!waiting) throw new Error("no VM waits");
  const filter = encodeURIComponent("managed=true");
  const { items } = await story.api<ListPage<VmSummary>>(`/api/v1/vms?limit=1&filter=${filter}`);
  const taken = items[0]?.name ?? "";
  await story.open(listOf(waiting));
  await choose(waiting, "Adopt …");
  const dialog = page.getByRole("dialog", { name: `Adopt ${waiting.vm.name}` });
  const confirm = dialog.getByRole("button", { name: "Adopt", exact: true });
  await expect.poll(() => confirm.isEnabled()).toBe(true);
  const field = dialog.getByRole("textbox", { name: "Name" });
  await field.fill(taken);
  await dialog.getByText(`a VM "${taken}" exists in project "default"`).first().waitFor();
  expect(await confirm.isDisabled()).toBe(true);
  // What cannot be a name is told without asking.
  await field.fill("no name!");
  await dialog.getByText(/^At most 63 letters/).waitFor();
  expect(await confirm.isDisabled()).toBe(true);
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  expect((await story.api<PendingAdoption>(`${LIST}/${waiting.vm.id}`)).status).toBe("pending");
});

test("x31: a VM is left alone for a reason, stands there with it, and is offered again", async () => {
  const { page } = story;
  const [waiting] = await waitingVms(story, 1);
  if (!waiting) throw new Error("no VM waits");
  const why = anyName();
  await story.open(listOf(waiting));
  await choose(waiting, "Leave alone …");
  const dialog = page.getByRole("dialog", { name: `Leave ${waiting.vm.name} alone` });
  const confirm = dialog.getByRole("button", { name: "Leave alone", exact: true });
  expect(await confirm.isDisabled(), "a reason is needed").toBe(true);
  await dialog.getByRole("textbox", { name: "Why" }).fill(why);
  await confirm.click();
  await dialog.waitFor({ state: "detached" });
  await rowOf(waiting).waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Left alone", exact: true }).click();
  await page.waitForURL(/show=ignored/);
  await rowOf(waiting).getByText("left alone").waitFor();
  await rowOf(waiting).getByText(why).waitFor();
  await choose(waiting, "Offer again");
  await rowOf(waiting).waitFor({ state: "detached" });
  expect((await story.api<PendingAdoption>(`${LIST}/${waiting.vm.id}`)).status).toBe("pending");
});

test("x31: many are left alone at once, and each one's end is told", async () => {
  const { page } = story;
  const both = await waitingVms(story, 2);
  await story.open("/adoption");
  for (const waiting of both) await rowOf(waiting).getByRole("checkbox").check();
  const bar = page.getByRole("toolbar", { name: "Selected VMs" });
  await bar.getByText("2 VMs selected").waitFor();
  await bar.getByRole("button", { name: "Leave alone", exact: true }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("textbox", { name: "Why" }).fill("a story");
  await dialog.getByRole("button", { name: "Leave alone", exact: true }).click();
  await dialog.getByText("2 of 2").waitFor();
  const answers = await dialog.locator(".answers li").allInnerTexts();
  expect(answers).toEqual(both.map(({ vm }) => `${vm.name} left alone`));
  await dialog.getByRole("button", { name: "Close", exact: true }).last().click();
  await dialog.waitFor({ state: "detached" });
  for (const waiting of both) await rowOf(waiting).waitFor({ state: "detached" });
});

test("what is decided elsewhere reaches the list by itself", async () => {
  const { page } = story;
  const [waiting] = await waitingVms(story, 1);
  if (!waiting) throw new Error("no VM waits");
  const { id } = waiting.vm;
  await story.open("/adoption");
  await rowOf(waiting).waitFor();
  await page.locator(".live-chip").getByText("live", { exact: true }).last().waitFor();
  await story.change("POST", `${LIST}/${id}/adopt`, { read_only: true });
  await rowOf(waiting).waitFor({ state: "detached" });
  await story.change("POST", `/api/v1/vms/${id}/release`);
  await rowOf(waiting).waitFor();
});

test("in a window of 1280 pixels every column of adoption is in view", async () => {
  const { page } = story;
  await page.setViewportSize({ width: 1280, height: 900 });
  await story.open("/adoption");
  await page.getByRole("columnheader", { name: "First seen" }).waitFor();
  const excess = () =>
    page
      .locator(".data-table")
      .first()
      .evaluate((table) => table.scrollWidth - table.clientWidth);
  await expect.poll(excess).toBe(0);
});
