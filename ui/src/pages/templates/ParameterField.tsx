// What a deployer fills in for one parameter. A secret is typed unseen.
import {
  FormGroup,
  FormHelperText,
  FormSelect,
  FormSelectOption,
  HelperText,
  HelperTextItem,
  TextInput,
} from "@patternfly/react-core";
import { useId } from "react";
import type { TemplateParameter } from "../../api/types";
import { TextField } from "../../components/TextField";
import { defaultText } from "../../lib/templates";

interface Props {
  parameter: TemplateParameter;
  value: string;
  onChange: (text: string) => void;
}

export function ParameterField({ parameter, value, onChange }: Props) {
  const { name, kind, description, required } = parameter;
  const fallback = defaultText(parameter);
  const needed = required === true && fallback === "";
  const choices = kind === "boolean" ? ["true", "false"] : (parameter.choices ?? []);
  if (kind === "boolean" || kind === "enum") {
    return (
      <Choice
        {...{ name, value, onChange, choices, needed, description }}
        nothing={fallback === "" ? "Choose" : `${fallback} (default)`}
      />
    );
  }
  if (kind === "secret") {
    return <Secret {...{ name, value, onChange, needed, description }} />;
  }
  return (
    <TextField
      label={name}
      required={needed}
      value={value}
      placeholder={fallback || undefined}
      help={description || undefined}
      onChange={onChange}
    />
  );
}

interface FieldProps {
  name: string;
  value: string;
  needed: boolean;
  description?: string;
  onChange: (text: string) => void;
}

function Choice(props: FieldProps & { choices: readonly string[]; nothing: string }) {
  const { name, value, onChange, choices, needed, description, nothing } = props;
  const id = useId();
  return (
    <FormGroup label={name} fieldId={id} isRequired={needed}>
      <FormSelect
        id={id}
        value={value}
        aria-describedby={`${id}-help`}
        onChange={(_event, next) => onChange(next)}
      >
        <FormSelectOption value="" label={nothing} />
        {choices.map((choice) => (
          <FormSelectOption key={choice} value={choice} label={choice} />
        ))}
      </FormSelect>
      <Help id={id} text={description} />
    </FormGroup>
  );
}

function Secret({ name, value, onChange, needed, description }: FieldProps) {
  const id = useId();
  return (
    <FormGroup label={name} fieldId={id} isRequired={needed}>
      <TextInput
        id={id}
        type="password"
        value={value}
        isRequired={needed}
        autoComplete="new-password"
        aria-describedby={`${id}-help`}
        onChange={(_event, text) => onChange(text)}
      />
      <Help id={id} text={description} />
    </FormGroup>
  );
}

function Help({ id, text }: { id: string; text: string | undefined }) {
  return (
    <FormHelperText>
      <HelperText id={`${id}-help`}>{text && <HelperTextItem>{text}</HelperTextItem>}</HelperText>
    </FormHelperText>
  );
}
