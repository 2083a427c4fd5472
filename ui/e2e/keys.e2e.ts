// Keys that work on every page, and the palette.
import { expect, test } from "vitest";
import { stories } from "./browser";
import { vmsIn } from "./fleet";

const story = stories();

test("g and a letter go to a page; in a field they are letters", async () => {
  const { page } = story;
  await story.open("/vms");
  await page.locator("[data-row]").first().waitFor();
  // At once: the second key is waited for a moment only.
  await Promise.all([page.keyboard.press("g"), page.keyboard.press("h")]);
  await page.getByRole("heading", { name: "Hosts", level: 1 }).waitFor();
  await page.getByRole("textbox", { name: "Search hosts" }).focus();
  await page.keyboard.type("gv?");
  await page.waitForURL(/\/hosts\?search=gv/);
  expect(await page.getByRole("dialog").count()).toBe(0);
});

test("? lists the keys, and Escape gives the focus back", async () => {
  const { page } = story;
  await story.open("/vms");
  await page.locator("[data-row]").first().waitFor();
  await page.keyboard.press("j");
  const before = await page.evaluate(() => document.activeElement?.textContent);
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keys" }).getByText("next and previous row").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await expect.poll(() => page.evaluate(() => document.activeElement?.textContent)).toBe(before);
});

test("Ctrl-K goes to a VM by a part of its name, without the mouse", async () => {
  const { page } = story;
  const [vm] = await vmsIn(story, "running");
  await story.open("/images");
  await page.getByRole("heading", { name: "Images", level: 1 }).waitFor();
  await page.keyboard.press("Control+k");
  const field = page.getByRole("combobox", { name: "VM, host, cluster, page or command" });
  await field.waitFor();
  await expect.poll(() => field.evaluate((el) => el === document.activeElement)).toBe(true);
  await page.keyboard.type(vm?.name ?? "");
  const option = page.getByRole("option", { name: new RegExp(`^${vm?.name} VM`) });
  await option.waitFor();
  // Gone to by key, it stays chosen whatever else is found.
  do await page.keyboard.press("ArrowDown");
  while ((await option.getAttribute("aria-selected")) !== "true");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: vm?.name ?? "", level: 1 }).waitFor();
  await page.waitForURL(new RegExp(`/vms/${vm?.id}`));
});

test("what the palette does not find it says", async () => {
  const { page } = story;
  await story.open("/vms");
  await page.getByRole("button", { name: /^Go to a VM/ }).click();
  await page.getByRole("option", { name: /^Hosts/ }).waitFor();
  const field = page.getByRole("combobox", { name: "VM, host, cluster, page or command" });
  await expect.poll(() => field.evaluate((el) => el === document.activeElement)).toBe(true);
  await page.keyboard.type("no-such-thing-anywhere");
  await page.getByText("Nothing of that name.").waitFor();
});
