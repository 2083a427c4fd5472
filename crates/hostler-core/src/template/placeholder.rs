//! `${name}` within a text: where a value goes. `$${` stands for `${` as it is.

/// The names that stand for the VM that is made, beside the parameters.
pub(super) const VM_NAMES: &[&str] = &["vm.name", "vm.number", "vm.project"];

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// As it is.
    Text(&'a str),
    /// The value of this name.
    Put(&'a str),
}

/// The pieces of `text`, in their order; else what is wrong, for people.
pub(super) fn pieces(text: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, from) = rest.split_at(at);
        let inside = from.get(2..).unwrap_or_default();
        if let Some(before) = before.strip_suffix('$') {
            pieces.push(Piece::Text(before));
            pieces.push(Piece::Text("${"));
            rest = inside;
            continue;
        }
        pieces.push(Piece::Text(before));
        let name = inside.split_once('}').map(|(name, after)| (name.trim(), after));
        let Some((name, after)) = name.filter(|(name, _)| is_name(name)) else {
            let told: String = from.chars().take(24).collect();
            return Err(format!(
                "has a `${{` that begins no name of a parameter: `{told}`; write $${{ for the \
                 text ${{"
            ));
        };
        pieces.push(Piece::Put(name));
        rest = after;
    }
    pieces.push(Piece::Text(rest));
    pieces.retain(|piece| *piece != Piece::Text(""));
    Ok(pieces)
}

/// The same text so that nothing is put into it.
pub(super) fn escaped(text: &str) -> String {
    text.replace("${", "$${")
}

fn is_name(text: &str) -> bool {
    is_parameter_name(text) || VM_NAMES.contains(&text)
}

/// Whether a parameter can be called so: `a-z`, then `a-z 0-9 _`, at most 63.
pub(super) fn is_parameter_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|first| first.is_ascii_lowercase())
        && text.len() <= 63
        && chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}
