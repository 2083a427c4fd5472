//! The fuzz targets over the checked-in corpus, each file also cut short and with bits turned.

use std::fs;
use std::path::Path;

use crate::targets;

fn run(name: &str, target: fn(&[u8])) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let mut count = 0;
    for entry in fs::read_dir(&directory).unwrap() {
        let mut bytes = fs::read(entry.unwrap().path()).unwrap();
        target(&bytes);
        for cut in 0..bytes.len() {
            target(&bytes[..cut]);
        }
        for index in 0..bytes.len() {
            for bit in [0x01, 0x80, 0xff] {
                bytes[index] ^= bit;
                target(&bytes);
                bytes[index] ^= bit;
            }
        }
        count += 1;
    }
    assert!(count > 3, "{} has only {count} files", directory.display());
}

#[test]
fn frames_of_the_corpus_and_their_neighbours_are_read_or_refused() {
    run("frame", targets::frame);
}

#[test]
fn replies_of_the_corpus_and_their_neighbours_are_read_or_refused() {
    run("replies", targets::replies);
}

#[test]
fn events_of_the_corpus_and_their_neighbours_are_read_or_kept() {
    run("event", targets::event);
}

#[test]
fn uris_of_the_corpus_and_their_neighbours_are_read_or_refused() {
    run("uri", targets::uri);
}
