// One action on many VMs: asks once, then shows each VM's own answer. A refusal
// of one stops nobody else.
import {
  Button,
  Checkbox,
  Content,
  FormGroup,
  Modal,
  ModalBody,
  ModalFooter,
  ModalHeader,
  Progress,
  TextInput,
} from "@patternfly/react-core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { problemOf } from "../../api/errors";
import { keepOperation } from "../../api/operations";
import type { Operation, VmSummary } from "../../api/types";
import { useMissing } from "../../components/useMay";
import { eachOf, type Result } from "../../lib/bulk";
import { count } from "../../lib/format";
import { ACTION_DANGER, ACTION_TEXT, act, type BulkAction, deleteVm, refusal } from "./actions";

/** How many requests are under way at once: quick, and no burden for others. */
const WIDTH = 6;
/** How many names the question lists. */
const NAMES_MAX = 12;

interface Props {
  action: BulkAction;
  vms: VmSummary[];
  onClose: () => void;
}

type Results = ReadonlyMap<string, Result<Operation>>;

export function BulkDialog({ action, vms, onClose }: Props) {
  const [results, setResults] = useState<Results>();
  const [disks, setDisks] = useState(false);
  const [typed, setTyped] = useState("");
  const missing = useMissing("volume.manage");
  const queries = useQueryClient();
  const wanted = `delete ${vms.length}`;
  const ready = action !== "delete" || typed === wanted;
  const title = `${ACTION_TEXT[action]} ${count(vms.length, "VM")}`;

  const begin = async () => {
    const done = new Map<string, Result<Operation>>();
    setResults(done);
    await eachOf(
      vms,
      WIDTH,
      (vm) => (action === "delete" ? deleteVm(vm.id, disks) : act(vm.id, action)),
      (vm, result) => {
        done.set(vm.id, result);
        if (result.ok) keepOperation(queries, result.value);
        setResults(new Map(done));
      },
    );
  };

  return (
    <Modal isOpen variant="medium" onClose={onClose} aria-labelledby="bulk-title">
      <ModalHeader title={title} labelId="bulk-title" />
      <ModalBody>
        {results ? (
          <Answers vms={vms} results={results} />
        ) : (
          <Content>
            {action !== "delete" && ACTION_DANGER[action] && <p>{ACTION_DANGER[action]}</p>}
            <Names action={action} vms={vms} />
            {action === "delete" && (
              <>
                <Checkbox
                  id="bulk-disks"
                  label="Delete the volumes made for them, with the data on them"
                  description={
                    missing ??
                    "Also those that they left behind when they were put back, and disks that Hostler made for VMs that were adopted."
                  }
                  isDisabled={missing !== undefined}
                  isChecked={disks}
                  onChange={(_event, checked) => setDisks(checked)}
                />
                <FormGroup label={`Type ${wanted} to confirm`} fieldId="bulk-typed">
                  <TextInput
                    id="bulk-typed"
                    value={typed}
                    autoComplete="off"
                    onChange={(_event, next) => setTyped(next)}
                  />
                </FormGroup>
              </>
            )}
          </Content>
        )}
      </ModalBody>
      <ModalFooter>
        {!results && (
          <Button
            variant={action === "delete" ? "danger" : "primary"}
            isDisabled={!ready}
            onClick={() => void begin()}
          >
            {title}
          </Button>
        )}
        <Button variant="link" onClick={onClose}>
          {results ? "Close" : "Cancel"}
        </Button>
      </ModalFooter>
    </Modal>
  );
}

function Names({ action, vms }: { action: BulkAction; vms: VmSummary[] }) {
  const refused = vms.filter((vm) => refusal(vm, action) !== undefined);
  const shown = vms.slice(0, NAMES_MAX).map((vm) => vm.name);
  const more = vms.length - shown.length;
  return (
    <>
      <p>
        {shown.join(", ")}
        {more > 0 && ` and ${more} more`}
      </p>
      {refused.length > 0 && (
        <p>{`${count(refused.length, "VM")} of them will refuse, as things are now.`}</p>
      )}
    </>
  );
}

function Answers({ vms, results }: { vms: VmSummary[]; results: Results }) {
  const all = [...results.values()];
  const accepted = all.filter((result) => result.ok).length;
  const refused = all.length - accepted;
  return (
    <>
      <Progress
        aria-label="Sent"
        value={all.length}
        max={vms.length}
        label={`${all.length} of ${vms.length}`}
        title={`${accepted} accepted, ${refused} refused`}
        variant={refused > 0 ? "warning" : undefined}
      />
      <ul className="answers" aria-live="polite">
        {vms.map((vm) => (
          <li key={vm.id}>
            <strong>{vm.name}</strong> <Answer result={results.get(vm.id)} />
          </li>
        ))}
      </ul>
    </>
  );
}

function Answer({ result }: { result: Result<Operation> | undefined }) {
  if (!result) return <span>waiting</span>;
  if (result.ok) return <span>{result.value.note ?? "accepted"}</span>;
  const problem = problemOf(result.error);
  return (
    <span className="refused">
      refused: {problem.detail || problem.title} <code>{problem.code}</code>
    </span>
  );
}
