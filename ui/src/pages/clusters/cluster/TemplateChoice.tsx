// Which version of which template a cluster is compared with.
import { FormGroup, FormSelect, FormSelectOption } from "@patternfly/react-core";
import { useId } from "react";
import { useList } from "../../../components/useList";

interface Props {
  /** `ID@VERSION`; empty for none. */
  value: string;
  onChange: (value: string) => void;
}

const BY_NAME = { sort: "name" } as const;

export function TemplateChoice({ value, onChange }: Props) {
  const id = useId();
  const { rows } = useList("templates", BY_NAME);
  const choices = rows.flatMap((template) =>
    template.versions
      .filter(({ state }) => state !== "archived")
      .map(({ number, state }) => ({
        value: `${template.id}@${number}`,
        label: `${template.name}, version ${number} (${state})`,
      })),
  );
  const isKnown = value === "" || choices.some((choice) => choice.value === value);
  return (
    <FormGroup label="Template" fieldId={id}>
      <FormSelect id={id} value={value} onChange={(_event, next) => onChange(next)}>
        <FormSelectOption value="" label="None" />
        {!isKnown && <FormSelectOption value={value} label={value} />}
        {choices.map((choice) => (
          <FormSelectOption key={choice.value} value={choice.value} label={choice.label} />
        ))}
      </FormSelect>
    </FormGroup>
  );
}
