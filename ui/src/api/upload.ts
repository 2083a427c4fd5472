// Uploads an image with progress. XMLHttpRequest, because fetch tells nothing
// of what was sent so far.
import { ApiError, noAnswer, problemFrom } from "./errors";
import type { Image, ImageFormat } from "./types";

export interface Upload {
  name: string;
  description: string;
  format: ImageFormat;
  file: File;
}

/** Sends the file; `tell` gets the bytes sent so far. Aborting `signal` gives it up. */
export function uploadImage(
  { name, description, format, file }: Upload,
  tell: (sent: number) => void,
  signal: AbortSignal,
): Promise<Image> {
  const query = new URLSearchParams({ name, format });
  if (description) query.set("description", description);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `/api/v1/images?${query}`);
    request.responseType = "json";
    request.setRequestHeader("content-type", "application/octet-stream");
    request.setRequestHeader("idempotency-key", crypto.randomUUID());
    request.upload.onprogress = (event) => tell(event.loaded);
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) {
        resolve(request.response as Image);
        return;
      }
      const requestId = request.getResponseHeader("x-request-id");
      reject(new ApiError(problemFrom(request.status, request.response, requestId)));
    };
    request.onerror = () => reject(noAnswer("the upload was cut off"));
    request.onabort = () => reject(noAnswer("the upload was given up"));
    signal.addEventListener("abort", () => request.abort(), { once: true });
    request.send(file);
  });
}

/** What can be uploaded, and what becomes of it. */
export const FORMATS: Record<ImageFormat, string> = {
  qcow2: "qcow2",
  raw: "raw: the plain bytes of a disk",
  iso: "ISO: what a CD holds",
  vmdk: "VMDK (VMware): becomes qcow2",
  vdi: "VDI (VirtualBox): becomes qcow2",
  vhdx: "VHDX (Hyper-V): becomes qcow2",
};

/** The format that a file's name suggests. */
export function formatOf(fileName: string): ImageFormat {
  const ending = /\.([^.]+)$/.exec(fileName)?.[1]?.toLowerCase() ?? "";
  if (ending === "img") return "raw";
  return ending in FORMATS ? (ending as ImageFormat) : "qcow2";
}
