// A component that follows several things by the one stream.
import { act } from "react";
import { expect, test } from "vitest";
import { rendered } from "../testing/rendered";
import type { FigureStream, Figures } from "./figures";
import { FigureContext } from "./LiveProvider";
import { useFiguresTogether } from "./useFigures";

/** A stream that tells when it is told to. */
function stream() {
  const followed = new Map<string, () => void>();
  const known = new Map<string, Figures<string>>();
  const none: Figures<string> = { isLive: false, news: 0 };
  return {
    followed,
    tell(id: string, now: Figures<string>) {
      known.set(id, now);
      followed.get(id)?.();
    },
    as: {
      follow(_topic: string, id: string, listener: () => void) {
        followed.set(id, listener);
        return () => followed.delete(id);
      },
      now: (_topic: string, id: string) => known.get(id) ?? none,
    } as unknown as FigureStream,
  };
}

let renders = 0;

function Shown({ ids }: { ids: string[] }) {
  renders += 1;
  const { isLive, last, news } = useFiguresTogether("vm:metrics", ids);
  return `${isLive} ${last !== undefined} ${news}`;
}

test("d6: what is followed is what is wanted, and the news of each is heard", async () => {
  const { as, followed, tell } = stream();
  const of = (ids: string[]) => (
    <FigureContext value={as}>
      <Shown ids={ids} />
    </FigureContext>
  );
  const { place, show } = await rendered(of(["a", "b"]));
  expect([...followed.keys()]).toEqual(["a", "b"]);
  expect(place.textContent).toBe("false false 0");
  await act(async () => tell("b", { isLive: true, last: "b", at: 1, news: 1 }));
  expect(place.textContent).toBe("true true 1");
  await act(async () => tell("a", { isLive: true, last: "a", at: 2, news: 1 }));
  expect(place.textContent).toBe("true true 2");
  // The same ids in another array are the same things, and what is no news draws nothing.
  renders = 0;
  await show(of(["a", "b"]));
  await act(async () => tell("a", { isLive: true, last: "a", at: 2, news: 1 }));
  expect(renders).toBe(1);
  await show(of(["b", "c"]));
  expect([...followed.keys()].sort()).toEqual(["b", "c"]);
  await show(of([]));
  expect(followed.size).toBe(0);
  expect(place.textContent).toBe("false false 0");
});

test("x17: without a stream nothing is live", async () => {
  const { place } = await rendered(<Shown ids={["a"]} />);
  expect(place.textContent).toBe("false false 0");
});
