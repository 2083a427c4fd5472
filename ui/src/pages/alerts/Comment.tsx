// What people will want to know later.
import { FormGroup, TextArea } from "@patternfly/react-core";
import { useId } from "react";

interface Props {
  label: string;
  required?: boolean;
  value: string;
  onChange: (text: string) => void;
}

export function Comment({ label, required, value, onChange }: Props) {
  const id = useId();
  return (
    <FormGroup label={label} fieldId={id} isRequired={required}>
      <TextArea
        id={id}
        value={value}
        isRequired={required}
        resizeOrientation="vertical"
        onChange={(_event, text) => onChange(text)}
      />
    </FormGroup>
  );
}
