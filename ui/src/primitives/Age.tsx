// How long ago something was; local time and UTC on hover.

import { useNow } from "../lib/clock";
import { age, bothTimes, UNKNOWN } from "../lib/format";

export function Age({ at, ago = false }: { at: string | null | undefined; ago?: boolean }) {
  const now = useNow();
  if (!at) return <span>{UNKNOWN}</span>;
  return (
    <time dateTime={at} title={bothTimes(at)}>
      {age(at, now)}
      {ago && " ago"}
    </time>
  );
}
