// What stands where there is no value: that there is none, and why.
import type { ReactNode } from "react";

export function NoData({ why, title }: { why: ReactNode; title?: string }) {
  return (
    <span className="absent" title={title}>
      no data: {why}
    </span>
  );
}
