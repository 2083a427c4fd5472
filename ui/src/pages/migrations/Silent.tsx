// Which providers did not tell their migrations, and why: of theirs there is what was kept.
import type { SilentSource } from "../../api/types";
import { ProviderRef } from "../../components/ProviderRef";

export function Silent({ providers }: { providers: readonly SilentSource[] }) {
  return (
    <>
      These do not answer; of their migrations there is what was kept:{" "}
      {providers.map(({ provider, reason }, at) => (
        <span key={provider.id}>
          {at > 0 && "; "}
          <ProviderRef provider={provider} /> ({reason})
        </span>
      ))}
    </>
  );
}
