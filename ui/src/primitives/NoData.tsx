// What stands where there is no value: that there is none, and why.
import type { ReactNode } from "react";

export function NoData({ why }: { why: ReactNode }) {
  return <span className="absent">no data: {why}</span>;
}
