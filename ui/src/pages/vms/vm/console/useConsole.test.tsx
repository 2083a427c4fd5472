// When a console connects by itself, and when it must not: somebody else may have it.
import { act } from "react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { button, pass, press, shown } from "../../../../testing/page";
import { server } from "../../../../testing/server";
import { ConsoleBanner } from "./ConsoleBanner";
import { useConsole } from "./useConsole";

class Socket extends EventTarget {
  binaryType = "";
  readonly close = vi.fn();
  constructor() {
    super();
    sockets.push(this);
  }
  async ends(code: number, reason: string) {
    await act(async () => {
      this.dispatchEvent(Object.assign(new Event("close"), { code, reason }));
    });
  }
}

let sockets: Socket[] = [];
const ticket = { path: "/api/v1/console", protocols: ["hostler"] };
const attach = () => () => {};
const AN_HOUR_MS = 3_600_000;

beforeEach(() => {
  vi.useFakeTimers();
  sockets = [];
  vi.stubGlobal("WebSocket", Socket);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function Page({ atOnce }: { atOnce: boolean }) {
  const { state, connect } = useConsole("1", "serial", attach, atOnce);
  return (
    <div data-phase={state.phase}>
      <ConsoleBanner state={state} onConnect={connect} />
    </div>
  );
}

async function opened(atOnce: boolean) {
  const asked = server(() => ({ body: ticket }));
  const { place } = await shown(<Page atOnce={atOnce} />);
  await pass();
  const open = () => act(async () => void sockets.at(-1)?.dispatchEvent(new Event("open")));
  const phase = () => place.querySelector<HTMLElement>("[data-phase]")?.dataset.phase;
  return { asked, place, open, phase };
}

const later = () => act(() => vi.advanceTimersByTimeAsync(AN_HOUR_MS));

test.each([true, false])(
  "x35: taken by somebody else, it stays theirs (open: %s)",
  async (isOpen) => {
    const { asked, place, open, phase } = await opened(true);
    if (isOpen) await open();
    await sockets[0]?.ends(4409, "somebody opened it with virtctl");
    expect(phase()).toBe("taken");
    expect(place.textContent).toContain("somebody opened it with virtctl");
    await later();
    expect(asked).toHaveLength(1);
    expect(phase()).toBe("taken");
    // By a press it is connected: that is the reader's will.
    await press("Take over");
    expect(asked.at(-1)?.body).toEqual({ kind: "serial", take_over: true });
  },
);

test("one that was lost is connected again by itself", async () => {
  const { asked, open, phase } = await opened(true);
  await open();
  await sockets[0]?.ends(1006, "");
  expect(phase()).toBe("lost");
  await pass();
  await pass();
  expect(asked).toHaveLength(2);
});

test("where connecting cuts somebody off, it waits for a press, at first and when lost", async () => {
  const { asked, place, open, phase } = await opened(false);
  expect(phase()).toBe("idle");
  expect(place.textContent).toContain("cuts off whoever has it outside Hostler");
  await later();
  expect(asked).toEqual([]);
  await press("Connect");
  expect(asked).toHaveLength(1);
  await open();
  await sockets[0]?.ends(1006, "");
  expect(place.textContent).toContain("It is not tried any more by itself.");
  await later();
  expect(asked).toHaveLength(1);
  expect(button("Connect again").disabled).toBe(false);
});
