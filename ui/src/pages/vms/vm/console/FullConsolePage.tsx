// A console in a window of its own, with nothing around it.
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { vmQuery } from "../../../../api/query";
import { NotFoundPage } from "../../../../components/Failures";
import { useTitle } from "../../../../components/ListView";
import { ProblemAlert } from "../../../../components/ProblemAlert";
import { CONSOLES, oneOf } from "../../../../lib/search";
import { Console } from "./ConsoleTab";

export default function FullConsolePage(): ReactNode {
  const { vmId, kind } = useParams({ from: "/vms/$vmId/console/$kind" });
  const { data, error } = useQuery(vmQuery(vmId));
  const name = data?.data.name;
  useTitle(name && `${name} ${kind}`);
  const word = oneOf(CONSOLES, kind);
  if (!word) return <NotFoundPage />;
  if (error && !data) return <ProblemAlert error={error} doing="Cannot read the VM" />;
  return (
    <main className="full-console">
      <h1 className="pf-v6-screen-reader">{`Console of ${name ?? "…"}`}</h1>
      {data && <Console vm={data.data} kind={word} />}
    </main>
  );
}
