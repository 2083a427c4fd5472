// What stands in place of charts where there is no history.
import { QueryClientProvider } from "@tanstack/react-query";
import { afterEach, expect, test, vi } from "vitest";
import { makeQueryClient } from "../../api/query";
import { rendered } from "../../testing/rendered";
import { ChartBoard } from "./Board";

afterEach(() => vi.unstubAllGlobals());

/** A server that answers every question so, and what it was asked. */
function answering(status: number, body: object): URL[] {
  const asked: URL[] = [];
  vi.stubGlobal("fetch", async (request: Request) => {
    asked.push(new URL(request.url, "https://localhost"));
    return new Response(JSON.stringify(body), {
      status,
      headers: { "content-type": "application/json" },
    });
  });
  return asked;
}

/** Waits for a text. What comes of an answer comes by itself, which React is told is meant so. */
async function comes(place: Element, text: string): Promise<void> {
  const react = globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean };
  react.IS_REACT_ACT_ENVIRONMENT = false;
  await expect.poll(() => place.textContent, { timeout: 30_000 }).toContain(text);
  react.IS_REACT_ACT_ENVIRONMENT = true;
}

function board(onPace: (pace: number) => void) {
  return (
    <QueryClientProvider client={makeQueryClient()}>
      <ChartBoard search={{}} onSearch={() => {}}>
        {({ pace }) => {
          onPace(pace);
          return <p>charts</p>;
        }}
      </ChartBoard>
    </QueryClientProvider>
  );
}

test("without a history it is said once, with the key that keeps one, and nothing else is asked", async () => {
  const asked = answering(501, { code: "capability_missing", title: "it cannot do that" });
  const { place } = await rendered(board(() => expect.unreachable("no chart is made")));
  await comes(place, "No history is kept");
  expect(place.textContent).toContain("history.enabled");
  expect(asked).toHaveLength(1);
});

test("charts ask as often as the slowest provider is measured", async () => {
  const series = [{ labels: {}, samples: [[1_700_000_000_000, 120]] }];
  answering(200, { kind: "vector", step_seconds: null, series, text: null });
  const paces: number[] = [];
  const { place } = await rendered(board((pace) => paces.push(pace)));
  await comes(place, "charts");
  expect(paces.at(-1)).toBe(120);
});

test("a history that does not know how often is taken for one of the usual pace", async () => {
  answering(200, { kind: "vector", step_seconds: null, series: [], text: null });
  const paces: number[] = [];
  const { place } = await rendered(board((pace) => paces.push(pace)));
  await comes(place, "charts");
  expect(paces.at(-1)).toBe(10);
});
