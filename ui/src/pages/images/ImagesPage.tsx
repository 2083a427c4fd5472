// The catalogue of images: what VMs are made from; upload and delete.
import { Button } from "@patternfly/react-core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { body, client } from "../../api/client";
import { keys } from "../../api/query";
import type { Image } from "../../api/types";
import { ProblemAlert } from "../../components/ProblemAlert";
import { SimpleListPage } from "../../components/SimpleListPage";
import { useMissing } from "../../components/useMay";
import { bytes } from "../../lib/format";
import { Age } from "../../primitives/Age";
import { ConfirmDialog } from "../../primitives/ConfirmDialog";
import type { Column } from "../../primitives/DataTable";
import { UploadDialog } from "./UploadDialog";

const columns: readonly Column<Image>[] = [
  { id: "name", header: "Name", sortField: "name", width: 200, cell: (image) => image.name },
  { id: "format", header: "Format", width: 90, cell: (image) => image.format },
  { id: "file", header: "File", width: 100, cell: (image) => bytes(image.file_bytes) },
  { id: "virtual", header: "Guest sees", width: 110, cell: (image) => bytes(image.virtual_bytes) },
  {
    id: "sha256",
    header: "SHA-256",
    width: 170,
    cell: (image) => <code title={image.sha256}>{image.sha256.slice(0, 16)}…</code>,
  },
  { id: "description", header: "Description", width: 260, cell: (image) => image.description },
  { id: "created_at", header: "Age", width: 90, cell: (image) => <Age at={image.created_at} /> },
];

export default function ImagesPage(): ReactNode {
  const missing = useMissing("image.manage");
  const [uploading, setUploading] = useState(false);
  const [deleting, setDeleting] = useState<Image>();
  return (
    <SimpleListPage
      name="images"
      route="/images"
      title="Images"
      nouns={["image", "images"]}
      columns={columns}
      defaultSort="name"
      first={
        <>
          Upload a qcow2 or raw file, or from a terminal: <code>hostler image import FILE</code>
        </>
      }
      actions={
        <Button
          variant="primary"
          isDisabled={missing !== undefined}
          title={missing}
          onClick={() => setUploading(true)}
        >
          Upload image
        </Button>
      }
      rowMenu={(image: Image) => (
        <Button
          variant="link"
          isDanger
          size="sm"
          isDisabled={missing !== undefined}
          title={missing}
          aria-label={`Delete ${image.name}`}
          onClick={() => setDeleting(image)}
        >
          Delete
        </Button>
      )}
    >
      {uploading && <UploadDialog onClose={() => setUploading(false)} />}
      {deleting && <DeleteImage image={deleting} onClose={() => setDeleting(undefined)} />}
    </SimpleListPage>
  );
}

function DeleteImage({ image, onClose }: { image: Image; onClose: () => void }) {
  const queries = useQueryClient();
  const { mutate, isPending, error } = useMutation({
    mutationFn: () =>
      body(client.DELETE("/api/v1/images/{image}", { params: { path: { image: image.id } } })),
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: keys.lists("images") });
      onClose();
    },
  });
  return (
    <ConfirmDialog
      title={`Delete image ${image.name}?`}
      confirm="Delete"
      danger
      busy={isPending}
      onClose={onClose}
      onConfirm={() => mutate()}
    >
      <p>VMs made from it have copies of their own and stay as they are.</p>
      {error && <ProblemAlert error={error} doing="Not deleted" />}
    </ConfirmDialog>
  );
}
