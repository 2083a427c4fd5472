//! A private libvirtd that serves libvirt's own test driver: thousands of domains without QEMU.
//!
//! The test driver keeps its world per connection: each connection to the URI reads the file
//! anew (0.9 s for 1,000 domains) and sees none of the changes of another. It has lifecycle,
//! networks and pools, but no attach, migration, block jobs or agent.
//!
//! Its built-in world, `default`, is shared by all connections while one of them is open; it begins
//! with one domain, and others have to be defined in it.

use std::fs;

use crate::error::{Context, Result};
use crate::lab::{Lab, LabOptions};

/// The file with the domains, within the lab's namespaces.
const WITHIN: &str = "/var/lib/libvirt/test-node.xml";

/// A running private daemon with a file of domains. Dropping it stops and deletes it.
#[derive(Debug)]
pub struct TestDaemon {
    lab: Lab,
}

impl TestDaemon {
    /// Starts a daemon whose test driver has `domains` running domains, `vm1` and up, with the ids
    /// `00000000-0000-0000-0001-000000000001` and up, one disk and one interface each.
    ///
    /// # Errors
    /// As [`Lab::start`].
    pub fn start(name: &str, domains: usize) -> Result<TestDaemon> {
        TestDaemon::start_with(name, &node_xml(domains))
    }

    /// Starts a daemon whose test driver has what `node_xml` says (a `<node>` document).
    ///
    /// # Errors
    /// As [`Lab::start`].
    pub fn start_with(name: &str, node_xml: &str) -> Result<TestDaemon> {
        let lab = Lab::start(&LabOptions::throwaway(name))?;
        let file = lab.lib_dir().join("test-node.xml");
        fs::write(&file, node_xml).context(|| format!("cannot write {}", file.display()))?;
        Ok(TestDaemon { lab })
    }

    /// The URI of the test driver in this daemon, over its unix socket.
    pub fn uri(&self) -> String {
        format!("test+unix://{WITHIN}?socket={}", self.lab.socket().display())
    }

    /// The URI of the world that all connections to this daemon share.
    pub fn shared_uri(&self) -> String {
        format!("test+unix:///default?socket={}", self.lab.socket().display())
    }

    /// The daemon itself, to freeze, kill or restart it.
    pub fn lab(&self) -> &Lab {
        &self.lab
    }
}

/// A `<node>` document with `domains` running domains.
fn node_xml(domains: usize) -> String {
    let mut xml = String::from(
        "<node>
<cpu><mhz>2400</mhz><model>x</model><active>64</active><nodes>2</nodes><sockets>2</sockets>\
<cores>8</cores><threads>2</threads></cpu><memory>536870912</memory>
<network><name>default</name><bridge name='virbr0'/><forward/>\
<ip address='192.168.122.1' netmask='255.255.255.0'/></network>
<pool type='dir'><name>default</name><target><path>/pool</path></target></pool>
",
    );
    for (_, domain) in test_domains(domains) {
        xml.push_str(&domain);
    }
    xml.push_str("</node>\n");
    xml
}

/// The names and definitions of `count` domains for the test driver, as [`TestDaemon::start`] has
/// them.
pub fn test_domains(count: usize) -> impl Iterator<Item = (String, String)> {
    (1..=count).map(|number| {
        let (high, middle, low) = ((number >> 16) & 255, (number >> 8) & 255, number & 255);
        let name = format!("vm{number}");
        let xml = format!(
            "<domain type='test'><name>{name}</name>\
             <uuid>00000000-0000-0000-0001-{number:012}</uuid>\
             <memory>1048576</memory><vcpu>2</vcpu><os><type>hvm</type></os><devices>\
             <disk type='file' device='disk'><source file='/pool/{number}.img'/>\
             <target dev='vda' bus='virtio'/></disk>\
             <interface type='network'><mac address='52:54:00:{high:02x}:{middle:02x}:{low:02x}'/>\
             <source network='default'/></interface></devices></domain>\n"
        );
        (name, xml)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_domain_has_its_own_name_id_and_address() {
        let xml = node_xml(300);
        assert_eq!(xml.matches("<domain ").count(), 300);
        assert!(xml.contains("<name>vm300</name>"));
        assert!(xml.contains("52:54:00:00:01:2c"));
    }
}
