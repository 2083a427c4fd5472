// One line of text with its fault, or else its help, below it.
import {
  FormGroup,
  FormHelperText,
  HelperText,
  HelperTextItem,
  TextInput,
} from "@patternfly/react-core";
import { type ReactNode, useId } from "react";

interface Props {
  label: string;
  value: string;
  onChange: (text: string) => void;
  required?: boolean;
  fault?: string;
  help?: ReactNode;
  placeholder?: string;
}

export function TextField(props: Props) {
  const { label, value, onChange, required, fault, help, placeholder } = props;
  const id = useId();
  return (
    <FormGroup label={label} fieldId={id} isRequired={required}>
      <TextInput
        id={id}
        value={value}
        isRequired={required}
        placeholder={placeholder}
        validated={fault ? "error" : "default"}
        aria-describedby={`${id}-help`}
        autoComplete="off"
        spellCheck={false}
        onChange={(_event, text) => onChange(text)}
      />
      <FormHelperText>
        <HelperText id={`${id}-help`}>
          {(fault || help) && (
            <HelperTextItem variant={fault ? "error" : "default"}>{fault ?? help}</HelperTextItem>
          )}
        </HelperText>
      </FormHelperText>
    </FormGroup>
  );
}
