//! The configuration's files: TOML, and errors that say line and likely intent.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use hostler_core::settings;
use toml::Table;

use super::sources::Settings;
use crate::failure::{Failure, Result};

/// A file with every key at its default, for people to start from.
pub const DEFAULT_TEXT: &str = include_str!("default.toml");

/// A file of settings that is larger than this is no file of settings.
const SIZE_MAX: u64 = 1 << 20;

/// More files beside the main one than anybody writes by hand.
const FILES_MAX: usize = 256;

/// The files of the directory beside `main`, in the order of their names: for
/// `hostlerd.toml` those of `hostlerd.d` that end with `.toml`.
pub(super) fn beside(main: &Path) -> Result<Vec<PathBuf>> {
    let directory = main.with_extension("d");
    let told = |error: std::io::Error| Failure::usage(format!("{}: {error}", directory.display()));
    let entries = match std::fs::read_dir(&directory) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(told(error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(told)?.path();
        // What editors and package managers leave there ends otherwise or is hidden.
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let is_meant = name.is_some_and(|name| name.ends_with(".toml") && !name.starts_with('.'));
        if is_meant {
            files.push(path);
        }
        if files.len() > FILES_MAX {
            let directory = directory.display();
            return Err(Failure::usage(format!("{directory}: holds more than {FILES_MAX} files")));
        }
    }
    files.sort();
    Ok(files)
}

/// What a file says; whether it makes sense is known by then.
pub(super) fn read(path: &Path) -> Result<Table> {
    let name = path.display();
    let size = std::fs::metadata(path).map_err(|error| Failure::usage(format!("{name}: {error}")));
    if size?.len() > SIZE_MAX {
        return Err(Failure::usage(format!("{name}: is larger than 1 MiB")));
    }
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("{name}: {error}")))?;
    parse(&text, &name.to_string())
}

pub(super) fn parse(text: &str, name: &str) -> Result<Table> {
    let told = |error: toml::de::Error| {
        let line = error.span().map_or(1, |span| settings::line_of(text, span.start));
        Failure::usage(format!("{name}:{line}: {}", settings::explain(error.message())))
    };
    // By the types first, while there are lines to name.
    toml::from_str::<Settings>(text).map_err(told)?;
    toml::from_str(text).map_err(told)
}
