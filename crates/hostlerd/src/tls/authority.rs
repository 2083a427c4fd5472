//! The authority that a server makes for itself, and the certificate it signs.
//!
//! The authority lives as long as its files: people trust it by hand, so it is
//! never renewed by itself. The server's certificate is made anew when it is
//! about to end, or does not bear a name by which the server is now called.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use hostler_core::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::RootCertStore;
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::ring;
use rustls::server::ParsedCertificate;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use sha2::{Digest, Sha256};

use crate::failure::{Failure, Result};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Browsers refuse certificates that live longer than this.
const SERVER_DAYS: u32 = 397;
/// People renew trust by hand, so it has to last.
const AUTHORITY_DAYS: u32 = 25 * 365;
/// A certificate that ends within this time is made anew.
const RENEW_DAYS: u32 = 30;

/// Makes sure that `directory` holds an authority and a certificate for `names`
/// that is good for another while.
pub(super) fn ensure(directory: &Path, names: &[String], now: Timestamp) -> Result<()> {
    make_private(directory)?;
    let [ca_pem, ca_key, server_pem, server_key] =
        ["ca.pem", "ca.key", "server.pem", "server.key"].map(|name| directory.join(name));
    if !(ca_pem.exists() && ca_key.exists()) {
        let key = KeyPair::generate().map_err(rcgen_failed)?;
        let certificate = authority(&key, now)?.self_signed(&key).map_err(rcgen_failed)?;
        write_private(&ca_key, &key.serialize_pem())?;
        write_private(&ca_pem, &certificate.pem())?;
    } else if server_key.exists() && is_good(&server_pem, &ca_pem, names, now) {
        return Ok(());
    }
    let ca_key = KeyPair::from_pem(&read(&ca_key)?).map_err(rcgen_failed)?;
    let issuer = Issuer::new(authority(&ca_key, now)?, ca_key);
    let key = KeyPair::generate().map_err(rcgen_failed)?;
    let certificate = server(names, now)?.signed_by(&key, &issuer).map_err(rcgen_failed)?;
    write_private(&server_key, &key.serialize_pem())?;
    write_private(&server_pem, &format!("{}{}", certificate.pem(), read(&ca_pem)?))
}

/// The authority's own certificate. Its name follows from its key, so that it can
/// be rebuilt from the key alone, and two of them are told apart.
fn authority(key: &KeyPair, now: Timestamp) -> Result<CertificateParams> {
    let digest = Sha256::digest(key.public_key_raw());
    let word: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, format!("Hostler local authority {word}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    valid(&mut params, now, AUTHORITY_DAYS)?;
    Ok(params)
}

fn server(names: &[String], now: Timestamp) -> Result<CertificateParams> {
    let mut params = CertificateParams::new(names).map_err(rcgen_failed)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "Hostler");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    valid(&mut params, now, SERVER_DAYS)?;
    Ok(params)
}

/// Whether the certificate will still be accepted in a while, for all names, by
/// those who trust the authority. Asked of the library that clients would ask.
fn is_good(server_pem: &Path, ca_pem: &Path, names: &[String], now: Timestamp) -> bool {
    let check = || -> Option<()> {
        let ca = CertificateDer::from_pem_file(ca_pem).ok()?;
        let server = CertificateDer::from_pem_file(server_pem).ok()?;
        let mut roots = RootCertStore::empty();
        roots.add(ca).ok()?;
        let parsed = ParsedCertificate::try_from(&server).ok()?;
        let seconds = u64::try_from(after(now, RENEW_DAYS).as_millis() / 1000).ok()?;
        let then = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let algorithms = ring::default_provider().signature_verification_algorithms;
        verify_server_cert_signed_by_trust_anchor(&parsed, &roots, &[], then, algorithms.all)
            .ok()?;
        for name in names {
            verify_server_name(&parsed, &ServerName::try_from(name.as_str()).ok()?).ok()?;
        }
        Some(())
    };
    check().is_some()
}

fn after(now: Timestamp, days: u32) -> Timestamp {
    now.plus(DAY * days)
}

/// From yesterday, since clocks of two machines may disagree, for `days`.
fn valid(params: &mut CertificateParams, now: Timestamp, days: u32) -> Result<()> {
    let (year, month, day) = date(now.minus(DAY))?;
    params.not_before = rcgen::date_time_ymd(year, month, day);
    let (year, month, day) = date(after(now, days))?;
    params.not_after = rcgen::date_time_ymd(year, month, day);
    Ok(())
}

fn date(time: Timestamp) -> Result<(i32, u8, u8)> {
    let date = jiff::Timestamp::from_microsecond(time.as_micros())
        .map_err(|error| Failure::new(format!("the clock shows an impossible time: {error}")))?
        .to_zoned(jiff::tz::TimeZone::UTC)
        .date();
    let [month, day] = [date.month(), date.day()].map(|number| u8::try_from(number).unwrap_or(1));
    Ok((i32::from(date.year()), month, day))
}

fn make_private(directory: &Path) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(|error| Failure::new(format!("{}: {error}", directory.display())))
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path)
        .map_err(|error| Failure::new(format!("{}: {error}", path.display())))
}

/// Whole or not at all, and for nobody else's eyes: temporary files are made with mode 0600.
fn write_private(path: &Path, text: &str) -> Result<()> {
    let write = || {
        let directory = path.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(directory)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)
    };
    write()
        .map(drop)
        .map_err(|error: std::io::Error| Failure::new(format!("{}: {error}", path.display())))
}

fn rcgen_failed(error: rcgen::Error) -> Failure {
    Failure::new(format!("making a certificate: {error}"))
}
