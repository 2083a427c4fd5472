//! Damage: a flipped bit anywhere costs what it hits at most, is told, and never keeps
//! the rest from being opened.

use std::collections::BTreeMap;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use hostler_store::history::{Archive, Error, FindingKind};

use super::fleet::Numbers;
use super::{DAY, HOUR, MINUTE, START, all, at, key, open, small};

/// How often something is damaged.
const ROUNDS: u64 = 40;

/// Copies a directory. Of files that are longer than what is in them (the engine lays out
/// 64 MiB), what is in them.
pub(super) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &to);
            continue;
        }
        let metadata = path.metadata().unwrap();
        let mut file = std::fs::File::create(to).unwrap();
        let within = metadata.len().min(metadata.blocks() * 512 + 4096);
        std::io::copy(&mut std::fs::File::open(&path).unwrap().take(within), &mut file).unwrap();
        file.set_len(metadata.len()).unwrap();
    }
}

fn files(place: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(place).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.metadata().unwrap().len() > 0 {
            found.push(path);
        }
    }
    found.sort();
    found
}

type Table = BTreeMap<(String, i64), u64>;

fn table(archive: &Archive) -> Table {
    let mut table = Table::new();
    for data in all(archive) {
        for sample in data.samples {
            table.insert((data.key.to_string(), sample.at_ms), sample.value.to_bits());
        }
    }
    table
}

/// Three days, the first two rolled up, the last partly in the log.
fn build(place: &Path) -> Table {
    let archive = open(place, &small());
    let mut numbers = Numbers::new(3);
    for pass in 0..(2 * DAY + 6 * HOUR) / (10 * MINUTE) {
        let at_ms = START + pass * 10 * MINUTE;
        let batch: Vec<_> = (0..6)
            .map(|vm| {
                at(&key("hostler_vm_memory_rss_bytes", vm), at_ms, numbers.below(1000) as f64)
            })
            .collect();
        archive.append(at_ms, &batch).unwrap();
        if pass % 40 == 39 {
            archive.maintain(at_ms).unwrap();
        }
        if pass % 100 == 99 {
            archive.checkpoint().unwrap();
        }
    }
    archive.sync().unwrap();
    table(&archive)
}

fn day_of(name: &str) -> Option<i64> {
    name.strip_prefix("raw-")?.parse().ok()
}

#[test]
fn i5_a_flipped_bit_costs_what_it_hits_and_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let truth = build(directory.path());
    let found = files(directory.path());
    let copies = tempfile::tempdir().unwrap();
    let mut numbers = Numbers::new(12);
    let mut lossy = 0;
    for round in 0..ROUNDS {
        let place = copies.path().join(round.to_string());
        copy(directory.path(), &place);
        let hit = &found[numbers.below(found.len() as u64) as usize];
        let within = hit.strip_prefix(directory.path()).unwrap();
        let length =
            hit.metadata().unwrap().len().min(hit.metadata().unwrap().blocks() * 512).max(1);
        let mut file =
            std::fs::File::options().read(true).write(true).open(place.join(within)).unwrap();
        match numbers.below(4) {
            0 => file.set_len(numbers.below(length)).unwrap(),
            _ => {
                let position = numbers.below(length.min(hit.metadata().unwrap().len()));
                let mut byte = [0];
                file.seek(SeekFrom::Start(position)).unwrap();
                file.read_exact(&mut byte).unwrap();
                byte[0] ^= 1 << numbers.below(8);
                file.seek(SeekFrom::Start(position)).unwrap();
                file.write_all(&byte).unwrap();
            }
        }
        drop(file);
        let archive = Archive::open(&place, small())
            .unwrap_or_else(|error| panic!("{}: {error}", within.display()));
        let left = table(&archive);
        let piece = within.iter().next().unwrap().to_str().unwrap().to_owned();
        for (of, value) in &left {
            assert_eq!(
                truth.get(of),
                Some(value),
                "invented, after damage to {}",
                within.display()
            );
        }
        let lost: Vec<_> = truth.keys().filter(|of| !left.contains_key(*of)).collect();
        if let Some(day) = day_of(&piece) {
            assert!(
                lost.iter().all(|(_, at_ms)| at_ms.div_euclid(DAY) == day),
                "damage to {} took another day",
                within.display()
            );
        } else if piece != "wal" {
            assert!(lost.is_empty(), "{} samples, by {}", lost.len(), within.display());
        }
        let (findings, _) = archive.findings();
        if !lost.is_empty() {
            lossy += 1;
            assert!(!findings.is_empty(), "{} lost silently: {}", lost.len(), within.display());
        }
        // And it goes on being written.
        let now_ms = START + 3 * DAY;
        let written = archive.append(now_ms, &[at(&key("up", 0), now_ms, 1.0)]).unwrap().written;
        assert_eq!(written, 1);
        archive.checkpoint().unwrap();
        drop(archive);
        let again = open(&place, &small());
        assert_eq!(table(&again).len(), left.len() + 1, "after damage to {}", within.display());
        drop(again);
        std::fs::remove_dir_all(&place).unwrap();
    }
    println!("{lossy} of {ROUNDS} cost samples");
    assert!(lossy > ROUNDS / 20, "the damage hardly hit anything");
}

#[test]
fn a_day_that_cannot_be_opened_is_put_aside_and_told_and_goes_with_retention() {
    let directory = tempfile::tempdir().unwrap();
    let truth = build(directory.path());
    let day = START / DAY;
    let tables = directory.path().join(format!("raw-{day}"));
    for file in files(&tables) {
        if file.metadata().unwrap().len() < 1 << 20 {
            std::fs::write(&file, b"not what was written").unwrap();
        }
    }
    let archive = open(directory.path(), &small());
    let (findings, beyond) = archive.findings();
    assert_eq!((findings.len(), beyond), (1, 0));
    assert_eq!(findings[0].kind, FindingKind::DamagedPartition);
    assert_eq!(findings[0].piece, format!("raw-{day}"));
    assert!(findings[0].lost.contains("lost from history"), "{}", findings[0]);
    let left = table(&archive);
    let expected = truth.iter().filter(|((_, at_ms), _)| *at_ms >= START + DAY);
    assert!(left.iter().eq(expected));
    let aside = directory.path().join(Archive::DAMAGED_DIRECTORY).join(format!("raw-{day}.0"));
    assert!(aside.is_dir());
    // Days later.
    for later in 17..20 {
        let now_ms = START + later * DAY;
        archive.append(now_ms, &[at(&key("up", 0), now_ms, 1.0)]).unwrap();
        archive.checkpoint().unwrap();
        archive.maintain(now_ms).unwrap();
    }
    assert!(!aside.exists());
}

#[test]
fn a_newer_format_is_refused_and_a_damaged_one_is_not() {
    let directory = tempfile::tempdir().unwrap();
    drop(open(directory.path(), &small()));
    let format = directory.path().join("format");
    std::fs::write(&format, "hostler history 2 2\n").unwrap();
    let error = Archive::open(directory.path(), small()).unwrap_err();
    assert!(matches!(&error, Error::Refused { .. }), "{error}");
    assert!(error.to_string().contains("its format is 2"), "{error}");
    for damaged in ["hostler history 3 1\n", "hostl", "", "\u{1}ostler history 1 1\n"] {
        std::fs::write(&format, damaged).unwrap();
        drop(open(directory.path(), &small()));
        assert_eq!(std::fs::read(&format).unwrap(), b"hostler history 1 1\n");
    }
}

#[test]
fn a_second_opener_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let archive = open(directory.path(), &small());
    let error = Archive::open(directory.path(), small()).unwrap_err();
    assert!(error.to_string().contains("another process has it open"), "{error}");
    drop(archive);
    open(directory.path(), &small());
}
