//! Long jobs of a domain, migration among them.

use super::calls;
use crate::connection::Connection;
use crate::error::Result;
use crate::flags::migrate::PEER2PEER;
use crate::procedure::DOMAIN_MIGRATE_PERFORM3_PARAMS;
use crate::types::{Domain, JobInfo, JobStats, TypedParam};
use crate::xdr::Opaque;

calls! {
    /// Progress of the domain's job, in the old fixed form.
    fn domain_job_info(domain: &Domain) -> JobInfo = DOMAIN_GET_JOB_INFO(domain);
    /// Progress of the domain's job, or of the last one.
    fn domain_job_stats(domain: &Domain, flags: u32) -> JobStats
        = DOMAIN_GET_JOB_STATS(domain, flags);
    /// Aborts the domain's job.
    fn domain_abort_job(domain: &Domain) -> () = DOMAIN_ABORT_JOB(domain);
    /// Sets how long the domain may stand still at the end of its migration.
    fn domain_migrate_set_max_downtime(domain: &Domain, downtime_ms: u64, flags: u32) -> ()
        = DOMAIN_MIGRATE_SET_MAX_DOWNTIME(domain, downtime_ms, flags);
    /// How long that is.
    fn domain_migrate_max_downtime(domain: &Domain, flags: u32) -> u64
        = DOMAIN_MIGRATE_GET_MAX_DOWNTIME(domain, flags);
    /// Limits the speed of its migration, in MiB/s.
    fn domain_migrate_set_max_speed(domain: &Domain, bandwidth_mib_s: u64, flags: u32) -> ()
        = DOMAIN_MIGRATE_SET_MAX_SPEED(domain, bandwidth_mib_s, flags);
    /// What that limit is.
    fn domain_migrate_max_speed(domain: &Domain, flags: u32) -> u64
        = DOMAIN_MIGRATE_GET_MAX_SPEED(domain, flags);
    /// Lets a migration go on in post-copy mode.
    fn domain_migrate_start_post_copy(domain: &Domain, flags: u32) -> ()
        = DOMAIN_MIGRATE_START_POST_COPY(domain, flags);
}

impl Connection {
    /// Migrates a domain to the daemon at `destination_uri`, as the source's daemon reaches it.
    /// Always peer to peer: source and destination do it between themselves, so it goes on even if
    /// this client is lost. Answered when it is over, so give it a long deadline, and stop it with
    /// [`Connection::domain_abort_job`] over another connection.
    pub async fn domain_migrate_perform3(
        &self,
        domain: &Domain,
        destination_uri: Option<&str>,
        params: &[TypedParam],
        flags: u32,
    ) -> Result<()> {
        let no_cookie = Opaque::default();
        let arguments = (domain, destination_uri, params, no_cookie, flags | PEER2PEER);
        // The cookie is for clients that carry it from host to host themselves.
        let _cookie: Opaque = self.call(DOMAIN_MIGRATE_PERFORM3_PARAMS, &arguments).await?;
        Ok(())
    }
}
