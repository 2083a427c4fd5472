// The catalogue of images: what VMs are made from; upload and delete.
import { type ReactNode, useState } from "react";
import { body, client } from "../../api/client";
import { keys } from "../../api/query";
import type { Image } from "../../api/types";
import { PermittedButton } from "../../components/PermittedButton";
import { RemoveDialog } from "../../components/RemoveDialog";
import { SimpleListPage } from "../../components/SimpleListPage";
import { bytes } from "../../lib/format";
import { Age } from "../../primitives/Age";
import { type Column, WORD_WIDTH } from "../../primitives/DataTable";
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
          Upload a disk (qcow2, raw, VMDK, VDI, VHDX) or a CD (ISO), or from a terminal:{" "}
          <code>hostler image import FILE</code>
        </>
      }
      actions={
        <PermittedButton permission="image.manage" onClick={() => setUploading(true)}>
          Upload image
        </PermittedButton>
      }
      menuWidth={WORD_WIDTH}
      rowMenu={(image: Image) => (
        <PermittedButton
          permission="image.manage"
          variant="link"
          isDanger
          size="sm"
          aria-label={`Delete ${image.name}`}
          onClick={() => setDeleting(image)}
        >
          Delete
        </PermittedButton>
      )}
    >
      {uploading && <UploadDialog onClose={() => setUploading(false)} />}
      {deleting && (
        <RemoveDialog
          title={`Delete image ${deleting.name}?`}
          confirm="Delete"
          list={keys.lists("images")}
          remove={() =>
            body(
              client.DELETE("/api/v1/images/{image}", { params: { path: { image: deleting.id } } }),
            )
          }
          onClose={() => setDeleting(undefined)}
        >
          VMs made from it have copies of their own and stay as they are.
        </RemoveDialog>
      )}
    </SimpleListPage>
  );
}
