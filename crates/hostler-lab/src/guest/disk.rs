//! The bootable disk: an MBR, one FAT partition, syslinux in it. Made without mounting anything.
//!
//! ```text
//! sector 0      1 MiB                                          end
//! │ MBR code   │ FAT16: ldlinux.sys syslinux.cfg vmlinuz initrd │
//! │ partition 1 ─────────► active, type 0x0e                    │
//! ```

use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use crate::error::{Context, Error, Result};
use crate::process::{program, run_quietly};

use super::fetch::Unpacked;
use super::{GuestImages, KERNEL_COMMAND_LINE};

const SECTOR: u64 = 512;
const MIB: u64 = 1 << 20;
/// Where the partition begins, in sectors: at 1 MiB, as every partitioner puts it.
const PARTITION_START: u32 = 2048;
/// Room for the boot loader's own files and the file system's tables.
const OVERHEAD: u64 = MIB;
/// Boot code before the disk's signature and the partition table.
const BOOT_CODE: usize = 440;
/// All files on the disk are of this second (2020-01-01 00:00 UTC), so that the bytes are the same.
const FILE_TIME: &str = "1577836800";
const FILE_TIME_SECONDS: u64 = 1_577_836_800;

/// Makes both disk images, with `scratch` for what comes before.
pub(super) fn make(unpacked: &Unpacked, images: &GuestImages, scratch: &Path) -> Result<()> {
    fs::create_dir_all(scratch)?;
    let partition = scratch.join("partition.img");
    let config = format!(
        "DEFAULT sample\nPROMPT 0\nTIMEOUT 0\n\
         LABEL sample\n LINUX /vmlinuz\n INITRD /initrd\n APPEND {KERNEL_COMMAND_LINE}\n"
    );
    let files = [
        (scratch.join("syslinux.cfg"), config.into_bytes()),
        (scratch.join("vmlinuz"), fs::read(&images.vmlinuz)?),
        (scratch.join("initrd"), fs::read(&images.initrd_agent)?),
    ];
    let content: u64 = files.iter().map(|(_, bytes)| bytes.len() as u64).sum();
    let size = (content + OVERHEAD).next_multiple_of(MIB);
    fs::File::create(&partition)?.set_len(size)?;
    // --invariant and a fixed id leave out the time; -h tells the loader where the partition is.
    let start = PARTITION_START.to_string();
    let mut format = unpacked.command("mkfs.fat")?;
    format.args(["--invariant", "-F", "16", "-h", &start, "-i", "48535431", "-n", "HOSTLER"]);
    run_quietly(format.arg(&partition))?;
    for (path, bytes) in &files {
        fs::write(path, bytes)?;
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(FILE_TIME_SECONDS);
        fs::File::options().write(true).open(path)?.set_modified(time)?;
        let mut copy = timeless(unpacked.command("mcopy")?);
        run_quietly(copy.arg("-m").arg("-i").arg(&partition).arg(path).arg("::/"))?;
    }
    let mut install = timeless(unpacked.command("syslinux")?);
    run_quietly(install.arg("--install").arg(&partition))?;
    assemble(unpacked, &partition, size, &images.disk_raw)?;
    let mut convert = program("qemu-img");
    convert.args(["convert", "-f", "raw", "-O", "qcow2"]);
    run_quietly(convert.arg(&images.disk_raw).arg(&images.disk_qcow2)).map(drop)
}

/// No time of day, no local zone, no user's settings of mtools.
fn timeless(mut command: Command) -> Command {
    command
        .env("SOURCE_DATE_EPOCH", FILE_TIME)
        .env("TZ", "UTC")
        .env("MTOOLSRC", "/dev/null")
        .env("MTOOLS_SKIP_CHECK", "1");
    command
}

fn assemble(unpacked: &Unpacked, partition: &Path, size: u64, to: &Path) -> Result<()> {
    let code = fs::read(unpacked.file("lib/syslinux/mbr/mbr.bin")?)?;
    let sectors = u32::try_from(size / SECTOR).map_err(|_| Error::new("the disk is too large"))?;
    let mut disk = fs::File::create(to).context(|| format!("cannot write {}", to.display()))?;
    disk.write_all(&boot_sector(&code, sectors)?)?;
    disk.seek(SeekFrom::Start(u64::from(PARTITION_START) * SECTOR))?;
    std::io::copy(&mut fs::File::open(partition)?, &mut disk)?;
    Ok(())
}

/// The first sector: code, signature, one active FAT16 (LBA) partition of `sectors`, the mark.
fn boot_sector(code: &[u8], sectors: u32) -> Result<Vec<u8>> {
    if code.len() > BOOT_CODE {
        return Err(Error::new("the boot code does not fit before the partition table"));
    }
    let mut sector = code.to_vec();
    sector.resize(BOOT_CODE, 0);
    sector.extend(*b"HSTL\0\0");
    // Cylinders, heads and sectors are past counting on any disk of today: 0xfe 0xff 0xff.
    sector.extend([0x80, 0xfe, 0xff, 0xff, 0x0e, 0xfe, 0xff, 0xff]);
    sector.extend(PARTITION_START.to_le_bytes());
    sector.extend(sectors.to_le_bytes());
    sector.resize(510, 0);
    sector.extend([0x55, 0xaa]);
    Ok(sector)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boot_sector_names_one_active_partition_and_ends_with_its_mark() {
        let sector = boot_sector(&[0x90; 440], 4096).unwrap();
        assert_eq!(sector.len(), 512);
        assert_eq!(sector.get(446), Some(&0x80));
        assert_eq!(sector.get(450), Some(&0x0e));
        assert_eq!(sector.get(454..462), Some(&[0, 8, 0, 0, 0, 16, 0, 0][..]));
        assert_eq!(sector.get(462..510), Some(&[0; 48][..]));
        assert_eq!(sector.get(510..), Some(&[0x55, 0xaa][..]));
    }

    #[test]
    fn boot_code_that_would_cover_the_table_is_refused() {
        assert!(boot_sector(&[0; 441], 1).is_err());
    }
}
