// Uploads an image: a file, its name and format, and how far it has come. The
// server inspects the file before anything else touches it.
import {
  Button,
  Form,
  FormGroup,
  FormSelect,
  FormSelectOption,
  Modal,
  ModalBody,
  ModalFooter,
  ModalHeader,
  Progress,
  TextInput,
} from "@patternfly/react-core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { keys } from "../../api/query";
import type { ImageFormat } from "../../api/types";
import { FORMATS, formatOf, uploadImage } from "../../api/upload";
import { ProblemAlert } from "../../components/ProblemAlert";
import { useToasts } from "../../components/Toasts";
import { bytes } from "../../lib/format";

export function UploadDialog({ onClose }: { onClose: () => void }) {
  const [file, setFile] = useState<File>();
  const [name, setName] = useState("");
  const [description, setDescription] = useState("");
  const [format, setFormat] = useState<ImageFormat>("qcow2");
  const [sent, setSent] = useState(0);
  const running = useRef<AbortController>(undefined);
  const queries = useQueryClient();
  const { tell } = useToasts();
  useEffect(() => () => running.current?.abort(), []);
  const upload = useMutation({
    mutationFn: (chosen: File) => {
      running.current = new AbortController();
      setSent(0);
      const { signal } = running.current;
      return uploadImage({ name, description, format, file: chosen }, setSent, signal);
    },
    onSuccess: (image) => {
      void queries.invalidateQueries({ queryKey: keys.lists("images") });
      tell(`Image ${image.name} uploaded`);
      onClose();
    },
  });
  const choose = (chosen: File | undefined) => {
    setFile(chosen);
    if (!chosen) return;
    setFormat(formatOf(chosen.name));
    if (name === "") setName(chosen.name.replace(/\.[^.]*$/, ""));
  };
  return (
    <Modal isOpen variant="small" onClose={onClose} aria-labelledby="upload-title">
      <ModalHeader title="Upload image" labelId="upload-title" />
      <ModalBody>
        <Form
          onSubmit={(event) => {
            event.preventDefault();
            if (file) upload.mutate(file);
          }}
        >
          <FormGroup label="File" fieldId="upload-file" isRequired>
            <input
              id="upload-file"
              type="file"
              disabled={upload.isPending}
              onChange={(event) => choose(event.target.files?.[0])}
            />
          </FormGroup>
          <FormGroup label="Name" fieldId="upload-name" isRequired>
            <TextInput
              id="upload-name"
              value={name}
              autoComplete="off"
              onChange={(_event, next) => setName(next.trim())}
            />
          </FormGroup>
          <FormGroup label="Format" fieldId="upload-format">
            <FormSelect
              id="upload-format"
              value={format}
              onChange={(_event, next) => setFormat(next as ImageFormat)}
            >
              {Object.entries(FORMATS).map(([value, label]) => (
                <FormSelectOption key={value} value={value} label={label} />
              ))}
            </FormSelect>
          </FormGroup>
          <FormGroup label="Description" fieldId="upload-description">
            <TextInput
              id="upload-description"
              value={description}
              onChange={(_event, next) => setDescription(next)}
            />
          </FormGroup>
          {upload.isPending && file && (
            <Progress
              title={
                sent >= file.size
                  ? "The server inspects it, and converts it where it must"
                  : "Sending"
              }
              value={file.size === 0 ? 0 : Math.round((sent / file.size) * 100)}
              label={`${bytes(sent)} of ${bytes(file.size)}`}
            />
          )}
          {upload.error && <ProblemAlert error={upload.error} doing="Not uploaded" />}
        </Form>
      </ModalBody>
      <ModalFooter>
        <Button
          isDisabled={!file || name === "" || upload.isPending}
          isLoading={upload.isPending}
          onClick={() => file && upload.mutate(file)}
        >
          Upload
        </Button>
        <Button variant="link" onClick={onClose}>
          {upload.isPending ? "Give up" : "Cancel"}
        </Button>
      </ModalFooter>
    </Modal>
  );
}
