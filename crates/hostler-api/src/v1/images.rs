//! Images: what VMs are made from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::endpoint;
use crate::value::Time;
use crate::{ListQuery, Nothing, Page};

endpoint! {
    /// List images.
    ImageList {
        id: "image_list", tag: "images", GET "/api/v1/images",
        needs: ImageRead,
        query: ListQuery,
        reply: Json Page<Image>,
        errors: [QueryInvalid, CursorInvalid],
    }
}

endpoint! {
    /// Import an image.
    ///
    /// The body is the file itself. It is inspected before anything else touches it; a
    /// file that refers to other files is refused. What hypervisors do not run (VMDK, VDI,
    /// VHDX) is converted to qcow2, where the server has `qemu-img`. An
    /// `Idempotency-Key` stands for the query, not for the bytes: send `sha256`, too,
    /// where the file may have changed.
    ImageImport {
        id: "image_import", tag: "images", POST "/api/v1/images",
        needs: ImageManage,
        query: ImageImportQuery,
        body: Bytes Nothing,
        reply: Json Image, status: CREATED,
        errors: [QueryInvalid, ImageExists, ImageUnsafe, BodyTooLarge, StoreFull, CapabilityMissing],
    }
}

endpoint! {
    /// Show an image.
    ImageShow {
        id: "image_show", tag: "images", GET "/api/v1/images/{image}",
        needs: ImageRead,
        path: ImagePath,
        reply: Json Image,
        errors: [IdInvalid, ImageNotFound],
    }
}

endpoint! {
    /// Delete an image.
    ///
    /// VMs made from it have copies of their own and stay as they are.
    ImageDelete {
        id: "image_delete", tag: "images", DELETE "/api/v1/images/{image}",
        needs: ImageManage,
        path: ImagePath,
        reply: Empty Nothing, status: NO_CONTENT,
        errors: [IdInvalid, ImageNotFound, ImageInUse],
    }
}

/// Names an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ImagePath {
    /// The image's id.
    pub image: String,
}

/// What is said about an image to be imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImageImportQuery {
    /// Its name, unique in the catalogue.
    pub name: String,
    /// Free text for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Its format; the import fails when the file is something else.
    pub format: ImageFormat,
    /// The SHA-256 that the file has to have, in hex; not checked when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// What a file that is imported can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImageFormat {
    /// QEMU's copy-on-write format; kept as it is.
    Qcow2,
    /// The plain bytes of a disk; kept as they are.
    Raw,
    /// What a CD holds (ISO 9660); kept as its plain bytes.
    Iso,
    /// VMware's, in one file (sparse or stream-optimized); converted to qcow2.
    Vmdk,
    /// VirtualBox's; converted to qcow2.
    Vdi,
    /// Hyper-V's; converted to qcow2.
    Vhdx,
}

/// An image of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Image {
    /// Its id.
    pub id: String,
    /// Its name, unique in the catalogue.
    pub name: String,
    /// Free text for people.
    pub description: String,
    /// How it is stored.
    pub format: super::VolumeFormat,
    /// The bytes of the file.
    pub file_bytes: u64,
    /// The size a guest sees, in bytes.
    pub virtual_bytes: u64,
    /// SHA-256 of the file as it is kept, in lower-case hex: of the result where it was converted.
    pub sha256: String,
    /// When it was imported.
    pub created_at: Time,
}
