//! First-boot configuration, in cloud-init's words.
//!
//! The documents are the user's; Hostler passes them on unchanged inside a
//! NoCloud seed, after checking size and form. They may hold secrets, so they
//! are never logged and never shown in lists.

use serde::{Deserialize, Serialize};

/// The largest document accepted, in bytes.
pub const DOCUMENT_MAX_BYTES: usize = 64 * 1024;

/// First-boot configuration of a guest.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CloudInit {
    /// The `user-data` document; unset: made from `ssh_keys` and `hostname`.
    #[serde(default)]
    pub user_data: Option<String>,
    /// The `network-config` document, version 2.
    #[serde(default)]
    pub network_config: Option<String>,
    /// The guest's host name; unset: the VM's name.
    #[serde(default)]
    pub hostname: Option<String>,
    /// Public SSH keys for the default user.
    #[serde(default)]
    pub ssh_keys: Vec<String>,
}

impl std::fmt::Debug for CloudInit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // User data holds passwords more often than not: say that it is there, not what it is.
        f.debug_struct("CloudInit")
            .field("user_data_bytes", &self.user_data.as_ref().map(String::len))
            .field("network_config_bytes", &self.network_config.as_ref().map(String::len))
            .field("hostname", &self.hostname)
            .field("ssh_keys", &self.ssh_keys.len())
            .finish()
    }
}

/// The three documents of a NoCloud seed.
#[derive(Clone, PartialEq, Eq)]
pub struct Seed {
    /// `meta-data`: instance id and host name.
    pub meta_data: String,
    /// `user-data`.
    pub user_data: String,
    /// `network-config`, where one was given.
    pub network_config: Option<String>,
}

impl CloudInit {
    /// The documents to give to the guest. `instance_id` must stay the same for
    /// the life of the VM, since cloud-init runs anew when it changes.
    pub fn seed(&self, instance_id: &str, vm_name: &str) -> Seed {
        let hostname = self.hostname.as_deref().unwrap_or(vm_name);
        let meta_data = format!("instance-id: {instance_id}\nlocal-hostname: {hostname}\n");
        let user_data = self.user_data.clone().unwrap_or_else(|| {
            let mut text = String::from("#cloud-config\n");
            if !self.ssh_keys.is_empty() {
                text.push_str("ssh_authorized_keys:\n");
                for key in &self.ssh_keys {
                    // A JSON string is a YAML string, whatever the key's comment holds.
                    let quoted = serde_json::Value::String(key.clone());
                    text.push_str(&format!("  - {quoted}\n"));
                }
            }
            text
        });
        Seed { meta_data, user_data, network_config: self.network_config.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_name_falls_back_to_the_name_of_the_vm() {
        let seed = CloudInit::default().seed("i-1", "web");
        assert_eq!(seed.meta_data, "instance-id: i-1\nlocal-hostname: web\n");
        assert_eq!(seed.user_data, "#cloud-config\n");
    }

    #[test]
    fn a_key_cannot_add_yaml_of_its_own() {
        let key = "ssh-ed25519 AAAA me\nruncmd: [poweroff]".to_owned();
        let init = CloudInit { ssh_keys: vec![key], ..CloudInit::default() };
        let seed = init.seed("i-1", "web");
        assert_eq!(seed.user_data.lines().count(), 3);
        assert!(!seed.user_data.contains("\nruncmd"));
    }

    #[test]
    fn debug_output_keeps_the_secret() {
        let init =
            CloudInit { user_data: Some("password: hunter2".into()), ..CloudInit::default() };
        assert!(!format!("{init:?}").contains("hunter2"));
    }
}
