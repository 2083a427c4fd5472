// One field of the form with its fault below it; a fault is shown once the field
// was left or a review was asked for, not while somebody still types.
import {
  FormGroup,
  FormHelperText,
  FormSelect,
  FormSelectOption,
  HelperText,
  HelperTextItem,
  TextArea,
  TextInput,
} from "@patternfly/react-core";
import { createContext, type ReactNode, useContext } from "react";
import type { Faults, VmDraft } from "../../../lib/vmDraft";

interface FormState {
  draft: VmDraft;
  faults: Faults;
  /** Fields whose faults are shown. */
  shown: ReadonlySet<string>;
  change: (part: Partial<VmDraft>) => void;
  leave: (field: keyof VmDraft) => void;
}

export const FormContext = createContext<FormState | undefined>(undefined);

export function useForm(): FormState {
  const state = useContext(FormContext);
  if (!state) throw new Error("a field stands outside of its form");
  return state;
}

/** Fields that hold text, or a word of a few. */
type TextField = {
  [K in keyof VmDraft]: VmDraft[K] extends string ? K : never;
}[keyof VmDraft];

interface Props {
  field: TextField;
  label: string;
  help?: ReactNode;
  required?: boolean;
}

export function TextField({ field, label, help, required, rows }: Props & { rows?: number }) {
  const { draft, change, leave } = useForm();
  const fault = useFault(field);
  const common = {
    id: field,
    value: draft[field],
    validated: fault ? ("error" as const) : ("default" as const),
    "aria-describedby": `${field}-help`,
    onBlur: () => leave(field),
    spellCheck: false,
  };
  return (
    <Group field={field} label={label} help={help} required={required}>
      {rows ? (
        <TextArea
          {...common}
          rows={rows}
          resizeOrientation="vertical"
          onChange={(_event, next) => change({ [field]: next })}
        />
      ) : (
        <TextInput
          {...common}
          autoComplete="off"
          onChange={(_event, next) => change({ [field]: next })}
        />
      )}
    </Group>
  );
}

export function SelectField({
  field,
  label,
  help,
  required,
  options,
  onChosen,
}: Props & {
  options: readonly { value: string; text: string }[];
  /** What else follows from a choice. */
  onChosen?: (value: string) => void;
}) {
  const { draft, change, leave } = useForm();
  const fault = useFault(field);
  // What a draft kept may be gone by now; it stays visible until it is changed.
  const gone = draft[field] !== "" && !options.some((option) => option.value === draft[field]);
  return (
    <Group field={field} label={label} help={help} required={required}>
      <FormSelect
        id={field}
        value={draft[field]}
        validated={fault ? "error" : "default"}
        aria-describedby={`${field}-help`}
        onBlur={() => leave(field)}
        onChange={(_event, next) => {
          change({ [field]: next });
          onChosen?.(next);
        }}
      >
        {gone && <FormSelectOption value={draft[field]} label={`${draft[field]} (gone)`} />}
        {options.map((option) => (
          <FormSelectOption key={option.value} value={option.value} label={option.text} />
        ))}
      </FormSelect>
    </Group>
  );
}

function Group({ field, label, help, required, children }: Props & { children: ReactNode }) {
  const fault = useFault(field);
  return (
    <FormGroup label={label} fieldId={field} isRequired={required}>
      {children}
      <FormHelperText>
        <HelperText id={`${field}-help`}>
          {(fault || help) && (
            <HelperTextItem variant={fault ? "error" : "default"}>{fault ?? help}</HelperTextItem>
          )}
        </HelperText>
      </FormHelperText>
    </FormGroup>
  );
}

function useFault(field: keyof VmDraft): string | undefined {
  const { faults, shown } = useForm();
  return shown.has(field) ? faults[field] : undefined;
}
