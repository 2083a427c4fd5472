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
import { useId } from "react";
import type { ClusterKubeconfig } from "../../api/types";
import { TextField } from "../../components/TextField";
import { namesIn } from "../../lib/clusters";
import { bytes } from "../../lib/format";

export interface Given {
  text: string;
  context: string;
  namespaces: string;
}

export const NOTHING: Given = { text: "", context: "", namespaces: "" };

/** The largest that the server takes, in bytes. */
const MAX = 256 * 1024;

/** As the server takes it. */
export function kubeconfigOf({ text, context, namespaces }: Given): ClusterKubeconfig {
  const names = namesIn(namespaces);
  return {
    kubeconfig: text,
    context: context.trim() || undefined,
    namespaces: names.length > 0 ? names : undefined,
  };
}

/** What is wrong with the text before anybody is asked. */
export function faultOf({ text }: Given): string | undefined {
  const size = new Blob([text]).size;
  return size > MAX ? `It has ${bytes(size)}, at most ${bytes(MAX)} are taken` : undefined;
}

interface Props {
  given: Given;
  onChange: (given: Given) => void;
}

export function KubeconfigFields({ given, onChange }: Props) {
  const id = useId();
  const fault = faultOf(given);
  const read = async (file: File | undefined) => {
    // A larger one is refused by its size before it is read.
    if (file)
      onChange({ ...given, text: file.size > MAX ? " ".repeat(MAX + 1) : await file.text() });
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
          onChange={(_event, text) => onChange({ ...given, text })}
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
        help="The kubeconfig's current one where nothing is given."
        onChange={(context) => onChange({ ...given, context })}
      />
      <TextField
        label="Namespaces"
        value={given.namespaces}
        help="Separated by commas; all where none is given, which needs rights in the whole cluster."
        onChange={(namespaces) => onChange({ ...given, namespaces })}
      />
    </>
  );
}
