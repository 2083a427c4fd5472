// Consoles: the serial line shows the guest's words and takes keys, the screen
// shows a picture, a second viewer can take over.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { stories } from "./browser";
import { vmWithConsole } from "./fleet";

const story = stories();

/** What the sample guest and every simulated guest say when they are up. */
const BANNER = process.env.HOSTLER_BANNER ?? "hello from hostler";

test("the serial console shows the guest's banner, and what is typed comes back", async () => {
  const vm = await vmWithConsole(story, "serial");
  await story.open(`/vms/${vm.id}?tab=console&console=serial`);
  await story.page.locator(".terminal[data-phase=open]").waitFor({ timeout: 30_000 });
  const screen = story.page.locator(".xterm-rows");
  await story.page.locator(".xterm-helper-textarea").focus();
  // A guest at its prompt says its banner anew for an empty line.
  await expect
    .poll(
      async () => {
        const text = await screen.innerText();
        if (!text.includes(BANNER)) await story.page.keyboard.press("Enter");
        return text.replaceAll("\u00a0", " ");
      },
      { timeout: 45_000, interval: 1_000 },
    )
    .toContain(BANNER);
  await story.page.keyboard.type("zebra");
  await expect.poll(() => screen.innerText(), { timeout: 15_000 }).toContain("zebra");
});

test("the terminal's last line is in view; its text is found and kept as a file", async () => {
  const { page } = story;
  const vm = await vmWithConsole(story, "serial");
  await story.open(`/vms/${vm.id}?tab=console&console=serial`);
  await page.locator(".terminal[data-phase=open]").waitFor({ timeout: 30_000 });
  const beyond = await page
    .locator(".terminal .xterm-screen")
    .evaluate(
      (screen) =>
        screen.getBoundingClientRect().bottom -
        (screen.closest(".terminal")?.getBoundingClientRect().bottom ?? 0),
    );
  expect(beyond).toBeLessThanOrEqual(0);

  await page.locator(".xterm-helper-textarea").focus();
  await page.keyboard.type("echo needle-7\n");
  const screen = page.locator(".xterm-rows");
  await expect.poll(() => screen.innerText(), { timeout: 15_000 }).toContain("needle-7");
  const find = page.getByRole("textbox", { name: "Find in the terminal" });
  await find.fill("NEEDLE-7");
  await find.press("Enter");
  await page.locator(".terminal .xterm-selection div").first().waitFor({ state: "attached" });
  await find.fill("no such text");
  await find.press("Enter");
  await page.getByText("not found").waitFor();

  const saving = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download" }).click();
  const saved = await saving;
  expect(saved.suggestedFilename()).toBe(`${vm.name}-serial.log`);
  expect(readFileSync(await saved.path(), "utf8")).toContain("needle-7");
});

test("a console that somebody uses can be taken over", async () => {
  story.expectStatus(409);
  const vm = await vmWithConsole(story, "serial");
  const path = `/vms/${vm.id}?tab=console&console=serial`;
  await story.open(path);
  await story.page.locator(".terminal[data-phase=open]").waitFor({ timeout: 30_000 });
  const second = await story.context.newPage();
  await second.goto(path);
  await second.getByRole("button", { name: "Take over" }).first().click({ timeout: 30_000 });
  await second.locator(".terminal[data-phase=open]").waitFor({ timeout: 30_000 });
  await story.page.locator("section.terminal:not([data-phase=open])").waitFor({ timeout: 30_000 });
});

test("the screen shows a picture that is not blank", async () => {
  const vm = await vmWithConsole(story, "vnc");
  await story.open(`/vms/${vm.id}?tab=console&console=vnc`);
  await story.page.locator(".screen[data-phase=open] canvas").waitFor({ timeout: 30_000 });
  await expect
    .poll(() => story.page.locator(".screen canvas").evaluate(coloursOf), { timeout: 30_000 })
    .toBeGreaterThan(1);
});

test("the screen's tools: keys, looking only, a picture", async () => {
  const { page } = story;
  const vm = await vmWithConsole(story, "vnc");
  await story.open(`/vms/${vm.id}?tab=console&console=vnc`);
  await page.locator(".screen[data-phase=open] canvas").waitFor({ timeout: 30_000 });
  const keys = page.getByRole("button", { name: "Send keys" });
  await keys.click();
  await page.getByRole("menuitem", { name: "Ctrl-Alt-F2" }).waitFor();
  await page.getByRole("menuitem", { name: "Ctrl-Alt-Del" }).click();
  await page.getByRole("menuitem").first().waitFor({ state: "detached" });

  const saving = page.waitForEvent("download");
  await page.getByRole("button", { name: "Screenshot" }).click();
  const saved = await saving;
  expect(saved.suggestedFilename()).toBe(`${vm.name}.png`);
  const signature = readFileSync(await saved.path())
    .subarray(1, 4)
    .toString("latin1");
  expect(signature).toBe("PNG");

  await page.getByRole("button", { name: "View only" }).click();
  expect(await keys.isDisabled()).toBe(true);
});

/** How many colours a canvas shows, of a sample of its points; runs in the page. */
function coloursOf(element: Element): number {
  const canvas = element as HTMLCanvasElement;
  const drawing = canvas.getContext("2d");
  if (!drawing || canvas.width === 0) return 0;
  const { data } = drawing.getImageData(0, 0, canvas.width, canvas.height);
  const colours = new Set<number>();
  for (let i = 0; i + 2 < data.length; i += 4) {
    colours.add(((data[i] ?? 0) << 16) | ((data[i + 1] ?? 0) << 8) | (data[i + 2] ?? 0));
  }
  return colours.size;
}
