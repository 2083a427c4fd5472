// A kubeconfig and how it is used. Its text is in this page's memory while the dialog is
// open, and nowhere else: no cache, no URL, no storage; the browser is asked not to keep it.
import "./clusters.css";
import {
  FormGroup,
  FormHelperText,
  HelperText,
  HelperTextItem,
  TextArea,
} from "@patternfly/react-core";
import { useId, useRef, useState } from "react";
import { TextField } from "../../components/TextField";
import { AT_ONCE, countFaultOf, faultOf, type Given, readKubeconfig } from "../../lib/kubeconfig";

interface Props {
  given: Given;
  /** What is given anew; the rest stays. */
  onChange: (part: Partial<Given>) => void;
}

export function KubeconfigFields({ given, onChange }: Props) {
  const id = useId();
  const [fileFault, setFileFault] = useState<string>();
  /** The file that was chosen last; one that is read more slowly comes too late. */
  const chosen = useRef<File>(undefined);
  const fault = fileFault ?? faultOf(given);
  const give = (part: Partial<Given>) => {
    chosen.current = undefined;
    setFileFault(undefined);
    onChange(part);
  };
  const read = async (file: File | undefined) => {
    if (!file) return;
    chosen.current = file;
    const read = await readKubeconfig(file);
    if (chosen.current !== file) return;
    // What stood there before is not what was chosen.
    onChange({ text: read.text });
    setFileFault(read.fault);
  };
  return (
    <>
      <FormGroup label="Kubeconfig" fieldId={`${id}-text`} isRequired>
        <TextArea
          id={`${id}-text`}
          className="kubeconfig"
          value={given.text}
          rows={6}
          isRequired
          autoComplete="off"
          spellCheck={false}
          validated={fault ? "error" : "default"}
          aria-describedby={`${id}-help`}
          onChange={(_event, text) => give({ text })}
        />
        <FormHelperText>
          <HelperText id={`${id}-help`}>
            <HelperTextItem variant={fault ? "error" : "default"}>
              {fault ?? (
                <>
                  Paste what <code>kubectl config view --raw --flatten --minify</code> prints. It is
                  kept sealed and never shown again.
                </>
              )}
            </HelperTextItem>
          </HelperText>
        </FormHelperText>
      </FormGroup>
      <FormGroup label="Or a file" fieldId={`${id}-file`}>
        <input
          id={`${id}-file`}
          type="file"
          onChange={(event) => void read(event.target.files?.[0])}
        />
      </FormGroup>
      <TextField
        label="Context"
        value={given.context}
        help="Where nothing is given: its current one."
        onChange={(context) => onChange({ context })}
      />
      <TextField
        label="Namespaces"
        value={given.namespaces}
        help="Separated by commas; all where none is given, which needs rights in the whole cluster."
        onChange={(namespaces) => onChange({ namespaces })}
      />
      <TextField
        label="Questions at once"
        value={given.atOnce}
        fault={countFaultOf(given)}
        help={`From ${AT_ONCE.least} to ${AT_ONCE.most}; ${AT_ONCE.unsaid} where nobody says it.`}
        onChange={(atOnce) => onChange({ atOnce })}
      />
    </>
  );
}
