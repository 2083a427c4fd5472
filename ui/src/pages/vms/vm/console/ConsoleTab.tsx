// The console tab: serial line or screen, whichever the VM has now. Both are
// loaded only when somebody opens one.
import {
  Bullseye,
  EmptyState,
  EmptyStateBody,
  Spinner,
  ToggleGroup,
  ToggleGroupItem,
} from "@patternfly/react-core";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { lazy, Suspense } from "react";
import type { Vm } from "../../../../api/types";
import { CONSOLES, type ConsoleWord } from "../../../../lib/search";
import { paths } from "../../../../paths";
import { refusal } from "../../actions";
import { cutsOff } from "./cutsOff";

const SerialConsole = lazy(() =>
  import("./SerialConsole").then((module) => ({ default: module.SerialConsole })),
);
const VncConsole = lazy(() =>
  import("./VncConsole").then((module) => ({ default: module.VncConsole })),
);

const TEXT: Record<ConsoleWord, string> = { serial: "Serial line", vnc: "Screen (VNC)" };

export function ConsoleTab({ vm }: { vm: Vm }) {
  const wanted = useSearch({ from: "/vms/$vmId" }).console;
  const navigate = useNavigate({ from: "/vms/$vmId" });
  const there = CONSOLES.filter((kind) => vm.consoles.includes(kind));
  const kind = wanted && there.includes(wanted) ? wanted : there[0];
  if (!kind) {
    return (
      <EmptyState headingLevel="h2" titleText="No console to open now" variant="sm">
        <EmptyStateBody>
          {refusal(vm, "console") ?? "This VM has neither a serial line nor a VNC screen."}
        </EmptyStateBody>
      </EmptyState>
    );
  }
  return (
    <>
      <div className="console-kinds">
        <ToggleGroup aria-label="Which console">
          {there.map((word) => (
            <ToggleGroupItem
              key={word}
              text={TEXT[word]}
              isSelected={word === kind}
              onChange={() =>
                void navigate({ search: (old) => ({ ...old, console: word }), replace: true })
              }
            />
          ))}
        </ToggleGroup>
        <Link {...paths.console(vm.id, kind)} target="_blank" rel="noopener">
          Open in a window of its own
        </Link>
      </div>
      <Console vm={vm} kind={kind} />
    </>
  );
}

export function Console({ vm, kind }: { vm: Vm; kind: ConsoleWord }) {
  const { id, name } = vm;
  return (
    <Suspense fallback={<Loading />}>
      {kind === "serial" ? (
        <SerialConsole key={id} vm={id} name={name} cutsOff={cutsOff(vm, "serial")} />
      ) : (
        <VncConsole key={id} vm={id} name={name} />
      )}
    </Suspense>
  );
}

function Loading() {
  return (
    <Bullseye>
      <Spinner aria-label="Loading the console" />
    </Bullseye>
  );
}
