//! Why ssh failed, from its exit code and its last words: it has no other way to tell. Its words
//! are not translated, and have been the same for many years.

use super::process::LastWords;
use crate::error::{Error, Obstacle};

/// ssh's own failures; any other code is the remote command's.
const SSH_FAILED: i32 = 255;
/// What a shell ends with that does not find the command, or may not run it.
const NO_COMMAND: [i32; 2] = [126, 127];

/// Sorts the end of an ssh process to `host`.
pub(super) fn ssh_ended(host: &str, helper: &str, words: &LastWords) -> Error {
    let text = if words.text.is_empty() { "it said nothing" } else { words.text.as_str() };
    let (obstacle, meaning) = match words.code {
        Some(code) if NO_COMMAND.contains(&code) => (
            Obstacle::Helper,
            format!(
                "the host has no working {helper}, which every libvirt since 6.8 brings; install \
                 libvirt's daemon there"
            ),
        ),
        Some(SSH_FAILED) | None => of_ssh(text),
        Some(_) => of_helper(text),
    };
    Error::Ssh { host: host.to_owned(), obstacle, detail: format!("{meaning}: {text}") }
}

/// ssh itself failed, or was ended.
fn of_ssh(text: &str) -> (Obstacle, String) {
    let has = |words: &str| text.contains(words);
    let (obstacle, meaning) = if has("IDENTIFICATION HAS CHANGED") {
        (
            Obstacle::UntrustedHost,
            "its host key is not the one that is known: it was installed anew, or it is another \
             host; compare the key, then replace it in known_hosts",
        )
    } else if has("Host key verification failed") {
        (
            Obstacle::UntrustedHost,
            "its host key is not known; compare it, then add it to known_hosts (ssh-keyscan)",
        )
    } else if has("UNPROTECTED PRIVATE KEY") || has("Load key") || has("Identity file") {
        (
            Obstacle::Credentials,
            "the private key cannot be used; it must be readable by the user that runs this, and \
             by nobody else",
        )
    } else if has("Permission denied (") || has("Too many authentication failures") {
        (
            Obstacle::Rejected,
            "it does not accept our key; add the public key to the user's authorized_keys there",
        )
    } else if has("administratively prohibited") || has("unknown channel type") {
        (
            Obstacle::Forwarding,
            "its SSH server forwards nothing for us; allow AllowTcpForwarding and \
             AllowStreamLocalForwarding in its sshd_config",
        )
    } else if has("open failed: connect failed") {
        // Of a unix socket the server says no more, also when it is the one that refuses.
        (
            Obstacle::Forwarding,
            "the connection was not forwarded: nothing listens there, the user may not reach it, \
             or the server does not allow it (AllowStreamLocalForwarding in its sshd_config)",
        )
    } else {
        (Obstacle::Unreachable, "the connection failed")
    };
    (obstacle, meaning.to_owned())
}

/// ssh reached the host, where the helper failed.
fn of_helper(text: &str) -> (Obstacle, String) {
    if text.contains("Permission denied") {
        let meaning = "the user may not use libvirt there; log in as root, or add the user to \
                       the group libvirt";
        (Obstacle::Rejected, meaning.to_owned())
    } else {
        (Obstacle::Unreachable, "libvirt does not answer there; start its daemon".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn obstacle(code: Option<i32>, text: &str) -> Obstacle {
        let words = LastWords { text: text.into(), code };
        match ssh_ended("h", "virt-ssh-helper", &words) {
            Error::Ssh { obstacle, detail, .. } => {
                assert!(detail.contains(text), "{detail}");
                obstacle
            }
            other => panic!("{other}"),
        }
    }

    #[test]
    fn each_way_to_fail_is_told_from_the_others() {
        let changed = "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key \
                       verification failed.";
        let unprotected = "WARNING: UNPROTECTED PRIVATE KEY FILE!\nPermission denied (publickey).";
        let table = [
            (Some(255), changed, Obstacle::UntrustedHost),
            (Some(255), "Host key verification failed.", Obstacle::UntrustedHost),
            (Some(255), "root@h: Permission denied (publickey).", Obstacle::Rejected),
            (Some(255), unprotected, Obstacle::Credentials),
            (
                Some(255),
                "ssh: connect to host h port 22: Connection refused",
                Obstacle::Unreachable,
            ),
            (Some(255), "ssh: Could not resolve hostname h", Obstacle::Unreachable),
            (Some(127), "sh: 1: virt-ssh-helper: not found", Obstacle::Helper),
            (Some(1), "virt-ssh-helper: Failed to connect: Permission denied", Obstacle::Rejected),
            (Some(1), "virt-ssh-helper: Failed to connect: No such file", Obstacle::Unreachable),
            (None, "channel 0: open failed: administratively prohibited", Obstacle::Forwarding),
            (None, "channel 0: open failed: connect failed: refused", Obstacle::Forwarding),
            (None, "", Obstacle::Unreachable),
        ];
        for (code, text, expected) in table {
            assert_eq!(obstacle(code, text), expected, "{text}");
        }
    }
}
