//! What is wrong with a settings file, for the person who wrote it. Every program
//! that reads one says it in the same way; reading is theirs.

/// The line, counted from 1, in which the byte at `offset` is.
pub fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

/// What serde says about an unknown key, with the key that was likely meant; anything
/// else it says is told by its first line.
pub fn explain(message: &str) -> String {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    match quoted.as_slice() {
        [unknown, known @ ..] if message.starts_with("unknown field") => {
            let nearest = known.iter().min_by_key(|key| distance(unknown, key));
            let hint = match nearest {
                Some(key) if distance(unknown, key) <= 1 + key.len() / 3 => {
                    format!("; did you mean `{key}`?")
                }
                _ => format!("; the keys here are {}", known.join(", ")),
            };
            format!("unknown key `{unknown}`{hint}")
        }
        _ => message.lines().next().unwrap_or(message).to_owned(),
    }
}

/// Whether a secret's file is one that nobody reads for whom it is not meant: by its mode,
/// by whose it is, and by who we are, as the system counts users.
///
/// It is its owner's alone; or root's, who lets us read it by a group and nobody else, as
/// Kubernetes and systemd hand out secrets to programs that are not root. That we could
/// open it then says that the group is ours.
pub const fn is_private(mode: u32, owner: u32, own: u32) -> bool {
    let is_handed_out = owner == 0 && own != 0 && mode & 0o037 == 0;
    mode & 0o077 == 0 || is_handed_out
}

/// How many letters have to be changed, added or left out.
pub(crate) fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let changed = row.get(j).copied().unwrap_or(0) + usize::from(x != *y);
            let added = next.last().copied().unwrap_or(0) + 1;
            let left_out = row.get(j + 1).copied().unwrap_or(0) + 1;
            next.push(changed.min(added).min(left_out));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_that_was_likely_meant_is_named() {
        let said = "unknown field `lisen`, expected one of `listen`, `token_file`";
        assert_eq!(explain(said), "unknown key `lisen`; did you mean `listen`?");
        let far = "unknown field `zzz`, expected `listen` or `token_file`";
        assert_eq!(explain(far), "unknown key `zzz`; the keys here are listen, token_file");
        assert_eq!(explain("invalid type\nmore"), "invalid type");
    }

    #[test]
    fn a_secret_is_its_owners_alone_or_handed_out_by_root() {
        assert!(is_private(0o100_600, 7, 7) && is_private(0o100_400, 0, 0));
        assert!(is_private(0o100_440, 0, 7), "Kubernetes with fsGroup");
        assert!(!is_private(0o100_440, 7, 7), "it is ours, and others may read it");
        assert!(!is_private(0o100_440, 8, 7), "it is neither ours nor root's");
        assert!(!is_private(0o100_440, 0, 0), "we are root");
        assert!(!is_private(0o100_444, 0, 7) && !is_private(0o100_460, 0, 7));
    }

    #[test]
    fn lines_are_counted_from_one() {
        assert_eq!((line_of("a\nb", 0), line_of("a\nb", 2), line_of("", 9)), (1, 2, 1));
    }
}
