//! The mark of an attachment within libvirt's document: the alias
//! `ua-hostler-NAME-MARK`.
//!
//! An alias that begins with `ua-` is the user's: libvirt keeps it in the definition and in
//! what runs, over restarts, saves and migrations, lets no two devices of a domain have the
//! same, and takes off by it (`virDomainDetachDeviceAlias`). So a request that comes late
//! finds nothing, whatever the disk's device is called by then. The serial number, where
//! other systems put such things, is the guest's to see and the user's to choose.

use hostler_core::disk::DiskMark;

const PREFIX: &str = "ua-hostler-";

/// An alias that Hostler gave, in its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ours {
    /// The disk's name, as it was asked for.
    pub(super) name: String,
    pub(super) mark: DiskMark,
}

/// The alias of a disk. Aliases have no dots, and names may have.
pub(super) fn of(name: &str, mark: &DiskMark) -> String {
    let mut alias = PREFIX.to_owned();
    for letter in name.chars() {
        match letter {
            '_' => alias.push_str("_u"),
            '.' => alias.push_str("_d"),
            other => alias.push(other),
        }
    }
    format!("{alias}-{mark}")
}

/// What an alias says, if Hostler gave it.
pub(super) fn read(alias: &str) -> Option<Ours> {
    let (written, mark) = alias.strip_prefix(PREFIX)?.rsplit_once('-')?;
    let mark = DiskMark::parse(mark)?;
    let mut name = String::new();
    let mut letters = written.chars();
    while let Some(letter) = letters.next() {
        name.push(match letter {
            '_' => match letters.next()? {
                'u' => '_',
                'd' => '.',
                _ => return None,
            },
            other => other,
        });
    }
    (!name.is_empty()).then_some(Ours { name, mark })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mark() -> DiskMark {
        DiskMark::parse("5f6a7b8c9d0e").unwrap()
    }

    #[test]
    fn f30_only_what_hostler_gave_is_a_mark() {
        assert_eq!(of("data", &mark()), "ua-hostler-data-5f6a7b8c9d0e");
        for foreign in [
            "virtio-disk0",
            "ua-data-5f6a7b8c9d0e",
            "ua-hostler-data",
            "ua-hostler--5f6a7b8c9d0e",
            "ua-hostler-data-5F6A7B8C9D0E",
            "ua-hostler-a_x-5f6a7b8c9d0e",
        ] {
            assert_eq!(read(foreign), None, "{foreign}");
        }
    }

    proptest! {
        /// Whatever a disk may be called, the alias is one that libvirt takes and says it again.
        #[test]
        fn f30_every_name_comes_back(name in "[A-Za-z0-9][A-Za-z0-9._-]{0,62}") {
            let alias = of(&name, &mark());
            prop_assert!(alias.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c)));
            prop_assert_eq!(read(&alias), Some(Ours { name, mark: mark() }));
        }
    }
}
