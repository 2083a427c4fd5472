// Consoles: the serial line shows the guest's words and takes keys, the screen
// shows a picture, a second viewer can take over.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { stories } from "./browser";
import { newVm } from "./fleet";

const story = stories();

/** Opens the serial console of a VM of its own, and waits until the guest asks for a command. */
async function atPrompt() {
  const vm = await newVm(story, true);
  await story.open(`/vms/${vm.id}?tab=console&console=serial`);
  await story.page.locator(".terminal[data-phase=open]").waitFor();
  await expect.poll(onScreen).toContain("hello from hostler");
  await story.page.locator(".xterm-helper-textarea").focus();
  return vm;
}

/** The text on the terminal's screen. */
async function onScreen(): Promise<string> {
  return (await story.page.locator(".xterm-rows").innerText()).replaceAll("\u00a0", " ");
}

test("the serial console shows the guest's banner, and what is typed comes back", async () => {
  await atPrompt();
  await story.page.keyboard.type("zebra");
  await expect.poll(onScreen).toContain("zebra");
});

test("the terminal's last line is in view; its text is found and kept as a file", async () => {
  const { page } = story;
  const vm = await atPrompt();
  const beyond = () =>
    page
      .locator(".terminal .xterm-screen")
      .evaluate(
        (screen) =>
          screen.getBoundingClientRect().bottom -
          (screen.closest(".terminal")?.getBoundingClientRect().bottom ?? 0),
      );
  await expect.poll(beyond).toBeLessThanOrEqual(0);

  await page.keyboard.type("echo needle-7\n");
  // As it was typed, and as the guest says it.
  await expect.poll(async () => (await onScreen()).split("needle-7").length).toBe(3);
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
  const vm = await atPrompt();
  const second = await story.context.newPage();
  await second.goto(`/vms/${vm.id}?tab=console&console=serial`);
  await second.getByRole("button", { name: "Take over" }).first().click();
  await second.locator(".terminal[data-phase=open]").waitFor();
  await story.page.locator("section.terminal:not([data-phase=open])").waitFor();
});

/** Opens the screen of a VM of its own, and waits until it shows something. */
async function atScreen() {
  const vm = await newVm(story, true);
  await story.open(`/vms/${vm.id}?tab=console&console=vnc`);
  await pictureIn(".screen[data-phase=open] canvas");
  return vm;
}

/** Waits until the canvas shows more than one colour. */
async function pictureIn(canvas: string): Promise<void> {
  await expect.poll(() => story.page.locator(canvas).evaluate(coloursOf)).toBeGreaterThan(1);
}

test("the screen shows a picture that is not blank", async () => {
  await atScreen();
});

test("the screen's tools: keys, looking only, a picture, its own size", async () => {
  const { page } = story;
  const vm = await atScreen();
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
  await expect.poll(() => keys.isDisabled()).toBe(true);

  const canvas = page.locator(".screen canvas");
  await page.getByRole("button", { name: "Show 1:1" }).click();
  await expect.poll(() => canvas.evaluate(scaleOf)).toBe(1);
  // A new connection draws on a canvas of its own, and shows it as was chosen.
  await canvas.evaluate((element) => element.setAttribute("data-old", ""));
  await page.getByRole("button", { name: "Reconnect" }).click();
  await pictureIn(".screen[data-phase=open] canvas:not([data-old])");
  await expect.poll(() => canvas.evaluate(scaleOf)).toBe(1);
});

/** How many pixels of the page one of the canvas takes; runs in the page. */
function scaleOf(element: Element): number {
  return element.getBoundingClientRect().width / (element as HTMLCanvasElement).width;
}

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
