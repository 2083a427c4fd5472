// What is written where a network has no bridge or no subnets: that there are none, unless its
// provider could not read it. Then nobody knows.
import type { Network } from "../../api/types";
import { UNKNOWN } from "../../lib/format";

export function none(network: Pick<Network, "forward">): string {
  return network.forward === "unknown" ? UNKNOWN : "none";
}
