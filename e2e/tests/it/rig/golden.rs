//! Golden texts: what differs from run to run is replaced by a word that says what stood there.

/// What is to be replaced.
#[derive(Debug, Default)]
pub(crate) struct Golden {
    words: Vec<(String, String)>,
}

impl Golden {
    /// `text` stands for itself no more, but for `word`.
    pub(crate) fn with(mut self, text: impl Into<String>, word: &str) -> Self {
        self.words.push((text.into(), word.to_owned()));
        self
    }

    /// `text` as it is the same in every run.
    pub(crate) fn of(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (from, to) in &self.words {
            text = text.replace(from.as_str(), to);
        }
        tails(&ids(&text))
    }
}

/// Replaces ids, which are UUIDs.
fn ids(text: &str) -> String {
    replace(text, 36, "ID", |part| {
        part.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
        })
    })
}

/// Replaces the part of a volume's name that only one VM's volumes have.
fn tails(text: &str) -> String {
    replace(text, 14, "-TAIL.", |part| {
        let inner = part.strip_prefix('-').and_then(|rest| rest.strip_suffix('.'));
        inner.is_some_and(|inner| inner.bytes().all(|byte| byte.is_ascii_hexdigit()))
    })
}

/// Replaces each part of `length` bytes for which `is_it` holds.
fn replace(text: &str, length: usize, word: &str, is_it: impl Fn(&str) -> bool) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        match rest.get(..length) {
            Some(part) if is_it(part) => {
                out.push_str(word);
                rest = rest.get(length..).unwrap_or_default();
            }
            _ => {
                out.push(first);
                rest = rest.get(first.len_utf8()..).unwrap_or_default();
            }
        }
    }
    out
}

#[test]
fn only_what_differs_from_run_to_run_is_replaced() {
    let golden = Golden::default().with("/tmp/x", "HOME");
    let text = "vm 0192d0c4-0000-7000-8000-000000000001 é /tmp/x/web-root-0123456789ab.qcow2";
    assert_eq!(golden.of(text), "vm ID é HOME/web-root-TAIL.qcow2");
}
