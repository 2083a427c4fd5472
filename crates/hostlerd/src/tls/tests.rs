//! What the server makes for itself is good, private, and kept.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use hostler_core::Timestamp;
use hostler_core::clock::ManualClock;

use super::*;
use crate::arguments::RunFlags;

const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const DAY: Duration = Duration::from_secs(86_400);

struct Place {
    directory: tempfile::TempDir,
    clock: ManualClock,
}

impl Place {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), clock: ManualClock::at(START) }
    }

    fn config(&self, listen: &str) -> Config {
        let flags = RunFlags {
            data_dir: Some(self.directory.path().to_owned()),
            listen: vec![listen.parse().unwrap()],
            ..RunFlags::default()
        };
        Config::load_with(&flags, []).unwrap()
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.directory.path().join("tls").join(name)).unwrap()
    }

    fn load(&self, listen: &str) -> Arc<Identity> {
        Identity::load(&self.config(listen), &self.clock).unwrap()
    }
}

#[test]
fn the_authority_and_the_certificate_survive_restarts() {
    let place = Place::new();
    place.load("127.0.0.1:1");
    let before = (place.read("ca.pem"), place.read("server.pem"));
    place.clock.advance(DAY * 300);
    place.load("127.0.0.1:2");
    assert_eq!((place.read("ca.pem"), place.read("server.pem")), before);
}

#[test]
fn a36_keys_are_readable_by_the_server_alone() {
    let place = Place::new();
    place.load("127.0.0.1:1");
    for name in ["ca.key", "server.key", "ca.pem", "server.pem"] {
        let path = place.directory.path().join("tls").join(name);
        assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
    let tls = std::fs::metadata(place.directory.path().join("tls")).unwrap();
    assert_eq!(tls.permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_certificate_that_is_about_to_end_is_made_anew_by_the_same_authority() {
    let place = Place::new();
    let identity = place.load("127.0.0.1:1");
    let before = (place.read("ca.pem"), place.read("server.pem"));
    place.clock.advance(DAY * 380);
    identity.reload(&place.clock).unwrap();
    assert_eq!(place.read("ca.pem"), before.0);
    assert_ne!(place.read("server.pem"), before.1);
}

#[test]
fn a_new_address_gets_a_certificate_that_names_it() {
    let place = Place::new();
    place.load("127.0.0.1:1");
    let before = place.read("server.pem");
    place.load("192.0.2.7:1");
    let after = place.read("server.pem");
    assert_ne!(after, before);
    place.load("192.0.2.7:1");
    assert_eq!(place.read("server.pem"), after);
}

#[test]
fn a_fingerprint_is_what_browsers_show() {
    let place = Place::new();
    let identity = place.load("127.0.0.1:1");
    let shown = fingerprint(&identity.authority_pem().unwrap()).unwrap();
    assert_eq!(shown.len(), 32 * 3 - 1);
    assert!(shown.chars().all(|c| c == ':' || c.is_ascii_hexdigit()));
    assert_eq!(fingerprint("nothing"), None);
}
