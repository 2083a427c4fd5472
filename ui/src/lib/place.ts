// Where a thing is, in words that tell two of one name apart.
import type { Ref } from "../api/types";
import { UNKNOWN } from "./format";

/** `edge / shop`: the provider, and the namespace where it has those. */
export function placeText({
  provider,
  namespace,
}: {
  provider?: Ref | null;
  namespace?: string | null;
}): string {
  if (!provider) return UNKNOWN;
  return namespace ? `${provider.name} / ${namespace}` : provider.name;
}
