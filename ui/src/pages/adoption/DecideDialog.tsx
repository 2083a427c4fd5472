// One decision about many VMs: asks once, then tells what became of each. What is refused
// of one changes nothing for the others.
import {
  Button,
  Content,
  Form,
  Modal,
  ModalBody,
  ModalFooter,
  ModalHeader,
} from "@patternfly/react-core";
import { useState } from "react";
import { problemOf } from "../../api/errors";
import type { AdoptionAction, AdoptionResult, PendingAdoption } from "../../api/types";
import { TextField } from "../../components/TextField";
import { inParts, projectFault, reasonFault } from "../../lib/adoption";
import { count } from "../../lib/format";
import { Answers } from "./Answers";
import { DECISIONS_MAX, decideAbout, type Terms } from "./decisions";
import { useReread } from "./useReread";

/** How many names the question lists. */
const NAMES_MAX = 12;

const TEXT: Record<AdoptionAction, { verb: string; says: string }> = {
  adopt: {
    verb: "Adopt",
    says: "Hostler manages them from now on. Nothing of the VMs changes by that.",
  },
  adopt_read_only: {
    verb: "Adopt for reading only",
    says: "Hostler only looks at them: nothing that changes them is offered. Nothing of the VMs changes.",
  },
  ignore: {
    verb: "Leave alone",
    says: "They do not wait for a decision any more. Nothing of the VMs changes, and they can be offered again at any time.",
  },
};

interface Props {
  action: AdoptionAction;
  rows: readonly PendingAdoption[];
  onClose: () => void;
}

export function DecideDialog({ action, rows: chosen, onClose }: Props) {
  // Those that were ticked when it was asked; decided ones leave the list meanwhile.
  const [rows] = useState(chosen);
  const [project, setProject] = useState("");
  const [reason, setReason] = useState("");
  const [results, setResults] = useState<AdoptionResult[]>();
  const reread = useReread();
  const adopts = action !== "ignore";
  const faults = { project: projectFault(project), reason: reasonFault(reason) };
  const ready = !faults.project && !faults.reason && (adopts || reason.trim() !== "");
  const { verb, says } = TEXT[action];
  const title = `${verb}: ${count(rows.length, "VM")}`;
  const begin = async () => {
    const ids = rows.map(({ vm }) => vm.id);
    const terms: Terms = {
      ...(adopts && project.trim() && { project: project.trim() }),
      ...(reason.trim() && { reason: reason.trim() }),
    };
    setResults([]);
    for (const part of inParts(ids, DECISIONS_MAX)) {
      const told = await decideAbout(action, part, terms).catch((error) => refused(part, error));
      setResults((old = []) => [...old, ...told]);
    }
    reread(ids);
  };
  return (
    <Modal isOpen variant="medium" onClose={onClose} aria-labelledby="decide-title">
      <ModalHeader title={title} labelId="decide-title" />
      <ModalBody>
        {results ? (
          <Answers rows={rows} results={results} done={adopts ? "adopted" : "left alone"} />
        ) : (
          <Form
            onSubmit={(event) => {
              event.preventDefault();
              if (ready) void begin();
            }}
          >
            <Content>
              <p>{says}</p>
              <Names rows={rows} adopts={adopts} />
            </Content>
            {adopts && (
              <TextField
                label="Project"
                value={project}
                onChange={setProject}
                fault={faults.project}
                placeholder="default"
              />
            )}
            <TextField
              label="Why"
              required={!adopts}
              value={reason}
              onChange={setReason}
              fault={faults.reason}
              help="For those who look at them later."
            />
          </Form>
        )}
      </ModalBody>
      <ModalFooter>
        {!results && (
          <Button isDisabled={!ready} onClick={() => void begin()}>
            {verb}
          </Button>
        )}
        <Button variant="link" onClick={onClose}>
          {results ? "Close" : "Cancel"}
        </Button>
      </ModalFooter>
    </Modal>
  );
}

/** All of a request that was refused as a whole, or got no answer. */
function refused(vms: readonly string[], error: unknown): AdoptionResult[] {
  const { code, detail, title } = problemOf(error);
  return vms.map((vm) => ({ vm, done: false, code, error: detail || title }));
}

function Names({ rows, adopts }: { rows: readonly PendingAdoption[]; adopts: boolean }) {
  const shown = rows.slice(0, NAMES_MAX).map(({ vm }) => vm.name);
  const more = rows.length - shown.length;
  const impossible = adopts ? rows.filter(({ adoptable }) => !adoptable).length : 0;
  return (
    <>
      <p>
        {shown.join(", ")}
        {more > 0 && ` and ${more} more`}
      </p>
      {impossible > 0 && (
        <p>
          {count(impossible, "VM")} of them cannot be adopted as things are now: look at the risks,
          and adopt by itself what needs another name.
        </p>
      )}
    </>
  );
}
