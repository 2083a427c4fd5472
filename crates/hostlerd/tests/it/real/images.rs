//! Images as real tools write them: converted by the real `qemu-img`, confined, byte for byte.

use std::path::{Path, PathBuf};
use std::process::Command;

use bytes::Bytes;

use crate::fixture::Fixture;

/// The size of the disk that each file holds.
const DISK_BYTES: usize = 4 << 20;

fn qemu_img(arguments: &[&str], paths: &[&Path]) {
    let output = Command::new("qemu-img").args(arguments).args(paths).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A disk with bytes at both ends, and nothing between.
fn disk(dir: &Path) -> PathBuf {
    let mut bytes = vec![0_u8; DISK_BYTES];
    bytes[..512].fill(0xa5);
    bytes[DISK_BYTES - 512..].fill(0x5a);
    let path = dir.join("disk");
    std::fs::write(&path, bytes).unwrap();
    path
}

async fn imported(fixture: &Fixture, file: &Path, format: &str) -> (u16, serde_json::Value) {
    let body = Bytes::from(std::fs::read(file).unwrap());
    let name = file.file_stem().unwrap().to_str().unwrap();
    let path = format!("/api/v1/images?name={name}&format={format}");
    let answer =
        fixture.local().send("POST", &path, Some(("application/octet-stream", body))).await;
    (answer.status, answer.json())
}

#[tokio::test]
async fn c7_what_other_hypervisors_write_is_converted_to_the_same_disk() {
    let dir = tempfile::tempdir().unwrap();
    let disk = disk(dir.path());
    let fixture = Fixture::start().await;
    for (name, format, options) in [
        ("sparse", "vmdk", "subformat=monolithicSparse"),
        ("streamed", "vmdk", "subformat=streamOptimized"),
        ("dynamic", "vdi", "static=off"),
        ("static", "vdi", "static=on"),
        ("hyperv", "vhdx", "subformat=dynamic"),
        ("fixed", "vhdx", "subformat=fixed"),
    ] {
        let file = dir.path().join(format!("{name}.{format}"));
        qemu_img(&["convert", "-f", "raw", "-O", format, "-o", options], &[&disk, &file]);
        let (status, image) = imported(&fixture, &file, format).await;
        assert_eq!(status, 201, "{name}: {image}");
        assert_eq!(image["format"], "qcow2", "{name}");
        assert_eq!(image["virtual_bytes"], DISK_BYTES, "{name}");
        let id = image["id"].as_str().unwrap();
        let kept = fixture.config.data_dir.join(format!("images/{id}.image"));
        qemu_img(&["compare", "-f", "raw", "-F", "qcow2"], &[&disk, &kept]);
        let files = std::fs::read_dir(kept.parent().unwrap()).unwrap().count();
        let images = fixture.local().get("/api/v1/images").await.json();
        assert_eq!(
            files,
            images["items"].as_array().unwrap().len(),
            "{name}: nothing is left over"
        );
    }
}

#[tokio::test]
async fn a4_a7_what_reads_from_other_files_of_the_host_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let disk = disk(dir.path());
    let fixture = Fixture::start().await;
    let base = dir.path().join("base.vmdk");
    qemu_img(&["convert", "-f", "raw", "-O", "vmdk"], &[&disk, &base]);
    let based = dir.path().join("based.vmdk");
    qemu_img(&["create", "-q", "-f", "vmdk", "-F", "vmdk", "-b"], &[&base, &based]);
    let split = dir.path().join("split.vmdk");
    let flat = ["convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=monolithicFlat"];
    qemu_img(&flat, &[&disk, &split]);
    let base = dir.path().join("base.qcow2");
    qemu_img(&["convert", "-f", "raw", "-O", "qcow2"], &[&disk, &base]);
    let overlay = dir.path().join("overlay.qcow2");
    qemu_img(&["create", "-q", "-f", "qcow2", "-F", "qcow2", "-b"], &[&base, &overlay]);
    for (file, format) in [(based, "vmdk"), (split, "vmdk"), (overlay, "qcow2"), (disk, "vdi")] {
        let (status, problem) = imported(&fixture, &file, format).await;
        assert_eq!(status, 400, "{}: {problem}", file.display());
        assert_eq!(problem["code"], "image_unsafe", "{problem}");
    }
    let left = std::fs::read_dir(fixture.config.data_dir.join("images")).unwrap().count();
    assert_eq!(left, 0);
}
