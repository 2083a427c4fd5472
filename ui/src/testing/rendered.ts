// For tests of components: renders into a document of happy-dom.
import { act, type ReactNode } from "react";
import { createRoot } from "react-dom/client";
import { onTestFinished } from "vitest";

/** The element that holds `node`, and how to show another in its place; gone when the test ends. */
export async function rendered(node: ReactNode) {
  (globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;
  const place = document.body.appendChild(document.createElement("div"));
  const root = createRoot(place);
  const show = (next: ReactNode) => act(async () => root.render(next));
  onTestFinished(async () => {
    await act(async () => root.unmount());
    place.remove();
  });
  await show(node);
  return { place, show };
}
