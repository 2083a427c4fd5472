//! A domain's disks while it runs, named by target (`vda`) or source path.

use super::calls;
use crate::connection::Connection;
use crate::error::Result;
use crate::procedure::{
    DOMAIN_BLOCK_STATS_FLAGS, DOMAIN_GET_BLOCK_IO_TUNE, DOMAIN_GET_BLOCK_JOB_INFO,
    DOMAIN_GET_DISK_ERRORS,
};
use crate::types::{BlockInfo, BlockJobInfo, DiskError, Domain, TypedParam};

/// `VIR_TYPED_PARAM_STRING_OKAY`: this client understands parameters that are strings.
const STRINGS: u32 = 4;
/// The protocol's own limit of disks with errors.
const DISK_ERRORS: u32 = 256;

calls! {
    /// A disk's size.
    fn domain_block_info(domain: &Domain, disk: &str, flags: u32) -> BlockInfo
        = DOMAIN_GET_BLOCK_INFO(domain, disk, flags);
    /// Resizes a disk: in KiB, or in bytes with the flag for it.
    fn domain_block_resize(domain: &Domain, disk: &str, size: u64, flags: u32) -> ()
        = DOMAIN_BLOCK_RESIZE(domain, disk, size, flags);
    /// Ends a block job, or lets it pivot.
    fn domain_block_job_abort(domain: &Domain, disk: &str, flags: u32) -> ()
        = DOMAIN_BLOCK_JOB_ABORT(domain, disk, flags);
    /// Limits a block job, in MiB/s, or in bytes/s with flag 1; 0 for no limit.
    fn domain_block_job_set_speed(domain: &Domain, disk: &str, bandwidth: u64, flags: u32) -> ()
        = DOMAIN_BLOCK_JOB_SET_SPEED(domain, disk, bandwidth, flags);
    /// Starts to copy the backing files into the disk.
    fn domain_block_pull(domain: &Domain, disk: &str, bandwidth: u64, flags: u32) -> ()
        = DOMAIN_BLOCK_PULL(domain, disk, bandwidth, flags);
    /// Starts to write a disk's changes into the file below it.
    fn domain_block_commit(
        domain: &Domain, disk: &str, base: Option<&str>, top: Option<&str>, bandwidth: u64,
        flags: u32,
    ) -> () = DOMAIN_BLOCK_COMMIT(domain, disk, base, top, bandwidth, flags);
    /// Starts to copy a disk to the destination that the XML describes.
    fn domain_block_copy(
        domain: &Domain, disk: &str, destination_xml: &str, params: &[TypedParam], flags: u32,
    ) -> () = DOMAIN_BLOCK_COPY(domain, disk, destination_xml, params, flags);
    /// Starts to copy the backing files down to `base` into the disk.
    fn domain_block_rebase(
        domain: &Domain, disk: &str, base: Option<&str>, bandwidth: u64, flags: u32,
    ) -> () = DOMAIN_BLOCK_REBASE(domain, disk, base, bandwidth, flags);
    /// Sets limits of a disk.
    fn domain_set_block_io_tune(domain: &Domain, disk: &str, params: &[TypedParam], flags: u32)
        -> () = DOMAIN_SET_BLOCK_IO_TUNE(domain, disk, params, flags);
}

impl Connection {
    /// Progress of a disk's block job, or `None` when it has none.
    pub async fn domain_block_job_info(
        &self,
        domain: &Domain,
        disk: &str,
        flags: u32,
    ) -> Result<Option<BlockJobInfo>> {
        let (found, info): (bool, BlockJobInfo) =
            self.call(DOMAIN_GET_BLOCK_JOB_INFO, &(domain, disk, flags)).await?;
        Ok(found.then_some(info))
    }

    /// A disk's counters. Two round trips, since the daemon wants to be told how many values it
    /// will give.
    pub async fn domain_block_stats(
        &self,
        domain: &Domain,
        disk: &str,
        flags: u32,
    ) -> Result<Vec<TypedParam>> {
        let ask = |count: i32| (domain, disk, count, flags | STRINGS);
        let (_, count): (Vec<TypedParam>, i32) =
            self.call(DOMAIN_BLOCK_STATS_FLAGS, &ask(0)).await?;
        let (stats, _): (_, i32) = self.call(DOMAIN_BLOCK_STATS_FLAGS, &ask(count)).await?;
        Ok(stats)
    }

    /// A disk's limits. Two round trips, as [`Connection::domain_block_stats`].
    pub async fn domain_block_io_tune(
        &self,
        domain: &Domain,
        disk: &str,
        flags: u32,
    ) -> Result<Vec<TypedParam>> {
        let ask = |count: i32| (domain, Some(disk), count, flags | STRINGS);
        let (_, count): (Vec<TypedParam>, i32) =
            self.call(DOMAIN_GET_BLOCK_IO_TUNE, &ask(0)).await?;
        let (limits, _): (_, i32) = self.call(DOMAIN_GET_BLOCK_IO_TUNE, &ask(count)).await?;
        Ok(limits)
    }

    /// Disks that had an error since the domain last ran well.
    pub async fn domain_disk_errors(&self, domain: &Domain, flags: u32) -> Result<Vec<DiskError>> {
        let (errors, _): (_, i32) =
            self.call(DOMAIN_GET_DISK_ERRORS, &(domain, DISK_ERRORS, flags)).await?;
        Ok(errors)
    }
}
