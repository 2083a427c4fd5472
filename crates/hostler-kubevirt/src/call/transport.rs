//! Failures of the connection, before the cluster could say anything; and the
//! one place of this crate that draws lots.

use std::error::Error as StdError;

use hostler_provider::{Error, Kind};
use rustls::AlertDescription;

use crate::connect::chain;
use crate::error::{Cause, Failure, Verb};

/// Sorts a failure to send, or to get an answer.
pub(super) fn failure(error: &kube::Error, verb: Verb, doing: &str) -> Failure {
    let (kind, cause, message) = match certificate(error) {
        Some(rustls::Error::InvalidCertificate(_)) => (
            Kind::Denied,
            Cause::Transport,
            "the cluster's certificate is not to be believed; compare it with the authority and \
             the server of the kubeconfig",
        ),
        Some(rustls::Error::AlertReceived(alert)) if is_of_us(*alert) => (
            Kind::Denied,
            Cause::AuthFailed,
            "the cluster does not accept our TLS certificate; renew it",
        ),
        Some(_) => (Kind::Unavailable, Cause::Transport, "the TLS connection failed"),
        None if matches!(error, kube::Error::Auth(_)) => (
            Kind::Denied,
            Cause::AuthFailed,
            "our credentials for the cluster cannot be had; see the kubeconfig",
        ),
        None => (Kind::Unavailable, Cause::Transport, "the cluster cannot be reached"),
    };
    let sorted = Error::new(kind, format!("{doing}: {message}")).with_raw(chain(error));
    let sent = !never_sent(error) && !matches!(error, kube::Error::Auth(_));
    let lost = sent && verb.changes();
    Failure::new(cause, if lost { sorted.with_unknown_effect() } else { sorted })
}

/// Sorts a failure to read the body of a success.
pub(super) fn body_failure(
    error: &(dyn StdError + 'static),
    limit: usize,
    verb: Verb,
    doing: &str,
) -> Failure {
    let too_large = error.is::<http_body_util::LengthLimitError>();
    let (kind, cause, message) = if too_large {
        (Kind::Bug, Cause::Ours, format!("{doing}: the answer is larger than {limit} bytes"))
    } else {
        let message = format!("{doing}: the connection was lost within the answer");
        (Kind::Unavailable, Cause::Transport, message)
    };
    let error = Error::new(kind, message).with_raw(chain(error));
    Failure::new(cause, if verb.changes() { error.with_unknown_effect() } else { error })
}

/// Whether a server's alert is about our certificate, and not about the connection as such:
/// who is told to renew a certificate that is well looks in the wrong place.
fn is_of_us(alert: AlertDescription) -> bool {
    use AlertDescription as Alert;
    matches!(
        alert,
        Alert::NoCertificate
            | Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateExpired
            | Alert::CertificateUnknown
            | Alert::CertificateRequired
            | Alert::UnknownCA
            | Alert::AccessDenied
    )
}

/// Whether the request certainly never left.
fn never_sent(error: &kube::Error) -> bool {
    find::<hyper_util::client::legacy::Error>(error).is_some_and(|error| error.is_connect())
}

fn certificate(error: &kube::Error) -> Option<&rustls::Error> {
    find::<rustls::Error>(error)
}

/// The cause of that type, however deep. An I/O error hides what it wraps from
/// its chain of causes.
fn find<T: StdError + 'static>(error: &kube::Error) -> Option<&T> {
    let mut next: Option<&(dyn StdError + 'static)> = Some(error);
    // A bound, because the chain is somebody else's.
    for _ in 0..32 {
        let error = next?;
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        let wrapped = error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref)
            .map(|inner| inner as &(dyn StdError + 'static));
        next = wrapped.or_else(|| error.source());
    }
    None
}

/// From 0 to 1. Without randomness pauses are merely less spread.
pub(crate) fn jitter() -> f64 {
    let mut bytes = [0; 4];
    if getrandom::fill(&mut bytes).is_err() {
        return 1.0;
    }
    f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX)
}
