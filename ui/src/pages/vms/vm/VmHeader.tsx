// The head of a VM's page: name, state and its age, and the power buttons. A
// button that does nothing now says why when it is hovered or focused.
import { Breadcrumb, BreadcrumbItem, Button, Title } from "@patternfly/react-core";
import { PencilAltIcon } from "@patternfly/react-icons";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { Vm, VmSummary } from "../../../api/types";
import { ReasonButton } from "../../../components/ReasonButton";
import { Simulated } from "../../../components/Simulated";
import { StaleSince } from "../../../components/StaleSince";
import { VmStateBadge } from "../../../components/StateBadge";
import { useMissing } from "../../../components/useMay";
import { paths } from "../../../paths";
import { Age } from "../../../primitives/Age";
import { ReleaseDialog } from "../../adoption/ReleaseDialog";
import { ACTION_TEXT, idle, refusal, type VmAction } from "../actions";
import { type Extra, VmMenu } from "../VmMenu";
import { AdoptedTag } from "./AdoptedTag";
import { AdoptionNotice } from "./AdoptionNotice";
import { ChangeDialog } from "./ChangeDialog";
import { EditDialog } from "./EditDialog";
import { KeptNotice } from "./KeptNotice";

interface Props {
  vm: Vm;
  etag: string | null;
  onAction: (action: VmAction, vms: VmSummary[]) => void;
}

const BUTTONS: readonly VmAction[] = ["start", "stop", "reboot", "pause", "resume"];
const IN_MENU: readonly VmAction[] = ["force_stop", "reset", "save", "migrate", "clone", "delete"];

export function VmHeader({ vm, etag, onAction }: Props) {
  const [editing, setEditing] = useState(false);
  const [changing, setChanging] = useState(false);
  const [releasing, setReleasing] = useState(false);
  const noEdit = refusal(vm, "update");
  const more = useRelease(vm, () => setReleasing(true));
  return (
    <>
      <Breadcrumb aria-label="Where this is">
        <BreadcrumbItem
          render={({ className }) => (
            <Link {...paths.vms()} className={className}>
              Virtual machines
            </Link>
          )}
        />
        <BreadcrumbItem isActive>{vm.name}</BreadcrumbItem>
      </Breadcrumb>
      <div className="vm-head">
        <Title headingLevel="h1" size="xl">
          {vm.name}
        </Title>
        <VmStateBadge status={vm.status} />
        <AdoptedTag adopted={vm.adopted} />
        <Simulated when={vm.simulated} />
        <span className="seen">
          {vm.status.reason && `${vm.status.reason} · `}
          {vm.status.observed_at ? (
            <>
              seen <Age at={vm.status.observed_at} ago />
            </>
          ) : (
            "never seen"
          )}
          <StaleSince of={vm} />
        </span>
        <span className="buttons">
          {BUTTONS.map((action) => (
            <ActionButton key={action} vm={vm} action={action} onAction={onAction} />
          ))}
          {vm.spec && (
            <ReasonButton
              variant="secondary"
              size="sm"
              reason={refusal(vm, "change")}
              onClick={() => setChanging(true)}
            >
              Edit
            </ReasonButton>
          )}
          <VmMenu vm={vm} only={IN_MENU} more={more} onAction={onAction} text="More" />
        </span>
      </div>
      <p className="description">
        {vm.description || <span className="absent">no description</span>}{" "}
        <Button
          variant="plain"
          size="sm"
          icon={<PencilAltIcon />}
          aria-label="Edit description and labels"
          isAriaDisabled={noEdit !== undefined}
          title={noEdit ?? "Edit description and labels"}
          onClick={() => setEditing(true)}
        />
      </p>
      <AdoptionNotice vm={vm} />
      <KeptNotice vm={vm} />
      {editing && <EditDialog vm={vm} etag={etag} onClose={() => setEditing(false)} />}
      {changing && vm.spec && (
        <ChangeDialog vm={vm} spec={vm.spec} etag={etag} onClose={() => setChanging(false)} />
      )}
      {releasing && <ReleaseDialog vm={vm} onClose={() => setReleasing(false)} />}
    </>
  );
}

/** Letting go of it, where it was adopted and one may. */
function useRelease({ adopted, operation }: Vm, onClick: () => void): readonly Extra[] {
  const missing = useMissing("vm.adopt");
  if (!adopted || missing !== undefined) return [];
  const reason = operation ? "an operation works on it" : undefined;
  return [{ text: "Release", reason, onClick }];
}

function ActionButton({
  vm,
  action,
  onAction,
}: {
  vm: Vm;
  action: VmAction;
  onAction: Props["onAction"];
}) {
  return (
    <ReasonButton
      variant="secondary"
      size="sm"
      reason={idle(vm, action)}
      onClick={() => onAction(action, [vm])}
    >
      {ACTION_TEXT[action]}
    </ReasonButton>
  );
}
