//! Candidates of a moment ago: Tab is pressed many times in a row, and the
//! second time must not cost a request.
//!
//! One small private file for each server and kind, replaced as a whole. A file
//! that cannot be read or written is as good as none.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hostler_core::Timestamp;
use serde::{Deserialize, Serialize};

/// How long candidates are good.
const FRESH: Duration = Duration::from_secs(2);

/// Something that can be named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Candidate {
    /// What is typed.
    pub(super) name: String,
    /// What is shown beside it.
    pub(super) about: String,
}

/// What was found for one beginning of a word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// When, in microseconds since 1970.
    at_micros: i64,
    /// The beginning that it was asked for.
    prefix: String,
    /// Whether there was no more, so that it answers longer beginnings too.
    is_whole: bool,
    candidates: Vec<Candidate>,
}

impl Entry {
    pub(super) fn new(
        now: Timestamp,
        prefix: &str,
        is_whole: bool,
        candidates: Vec<Candidate>,
    ) -> Self {
        Self { at_micros: now.as_micros(), prefix: prefix.to_owned(), is_whole, candidates }
    }

    /// The candidates, if they answer for `word` now.
    fn answer(self, word: &str, now: Timestamp) -> Option<Vec<Candidate>> {
        let then = Timestamp::from_micros(self.at_micros);
        // A clock that was set back makes nothing fresh.
        let is_fresh = then <= now && now.since(then) <= FRESH;
        let is_about =
            if self.is_whole { word.starts_with(&self.prefix) } else { word == self.prefix };
        (is_fresh && is_about).then_some(self.candidates)
    }
}

/// The file for what `subject` says: server, login and kind.
///
/// The login is part of it, since not everybody may see everything.
pub(super) fn file(folder: &Path, subject: &impl Hash) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    subject.hash(&mut hasher);
    folder.join("completion").join(format!("{:016x}.json", hasher.finish()))
}

/// The candidates for `word` of a moment ago.
pub(super) fn read(file: &Path, word: &str, now: Timestamp) -> Option<Vec<Candidate>> {
    let text = std::fs::read(file).ok()?;
    serde_json::from_slice::<Entry>(&text).ok()?.answer(word, now)
}

/// Keeps `entry`; when that fails the next Tab asks again.
pub(super) fn write(file: &Path, entry: &Entry) -> Option<()> {
    let folder = file.parent()?;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).ok()?;
    // Private, and under its name only when it is whole.
    let mut draft = tempfile::NamedTempFile::new_in(folder).ok()?;
    draft.write_all(&serde_json::to_vec(entry).ok()?).ok()?;
    draft.persist(file).ok()?;
    Some(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn candidate(name: &str) -> Candidate {
        Candidate { name: name.into(), about: String::new() }
    }

    fn entry(prefix: &str, is_whole: bool) -> Entry {
        Entry::new(NOW, prefix, is_whole, vec![candidate("web-1")])
    }

    #[test]
    fn candidates_are_good_for_two_seconds() {
        let after = |millis: u64| {
            entry("", true).answer("w", NOW.plus(Duration::from_millis(millis))).is_some()
        };
        assert!(after(0) && after(2000) && !after(2001));
        let before = NOW.minus(Duration::from_millis(1));
        assert_eq!(entry("", true).answer("w", before), None, "the clock was set back");
    }

    #[test]
    fn only_a_whole_list_answers_for_longer_words() {
        let answers = |prefix: &str, is_whole: bool, word: &str| {
            entry(prefix, is_whole).answer(word, NOW).is_some()
        };
        assert!(answers("we", true, "web") && answers("we", true, "we"));
        assert!(!answers("we", true, "w") && !answers("we", true, "d"));
        assert!(answers("we", false, "we") && !answers("we", false, "web"));
    }

    #[test]
    fn what_is_kept_is_private_and_found_again() {
        let home = tempfile::tempdir().unwrap();
        let file = file(&home.path().join("hostler"), &("unix:/run/x", 1));
        assert_eq!(read(&file, "", NOW), None);
        write(&file, &entry("", true)).unwrap();
        assert_eq!(read(&file, "web", NOW), Some(vec![candidate("web-1")]));
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
        std::fs::write(&file, "{").unwrap();
        assert_eq!(read(&file, "", NOW), None, "a broken file is none");
        assert_eq!(write(Path::new("/proc/nothing/x"), &entry("", true)), None);
    }

    #[test]
    fn another_server_or_login_has_another_file() {
        let folder = Path::new("/c");
        assert_eq!(file(folder, &("a", 1)), file(folder, &("a", 1)));
        assert_ne!(file(folder, &("a", 1)), file(folder, &("a", 2)));
        assert_ne!(file(folder, &("a", 1)), file(folder, &("b", 1)));
    }
}
