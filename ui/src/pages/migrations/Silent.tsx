// Which providers did not tell their migrations, and why: what they would tell is missing.
import type { SilentSource } from "../../api/types";
import { ProviderRef } from "../../components/ProviderRef";

export function Silent({ providers }: { providers: readonly SilentSource[] }) {
  return (
    <>
      What these would tell is missing:{" "}
      {providers.map(({ provider, reason }, at) => (
        <span key={provider.id}>
          {at > 0 && "; "}
          <ProviderRef provider={provider} /> ({reason})
        </span>
      ))}
    </>
  );
}
