//! Reading a kubeconfig from a file or stdin.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use hostler_api::v1::KUBECONFIG_MAX;

use crate::failure::{Failure, Result};

/// The text of a kubeconfig, within the limit; `-` is stdin.
pub(super) fn kubeconfig(file: &Path) -> Result<String> {
    let shown = file.display();
    let cannot = |error: std::io::Error| Failure::usage(format!("cannot read {shown}: {error}"));
    if file == Path::new("-") {
        return text(std::io::stdin(), "stdin").map_err(Failure::usage);
    }
    text(File::open(file).map_err(cannot)?, &shown.to_string()).map_err(Failure::usage)
}

fn text(from: impl Read, name: &str) -> Result<String, String> {
    let mut bytes = Vec::new();
    let limit = KUBECONFIG_MAX as u64;
    from.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("cannot read {name}: {error}"))?;
    if bytes.len() as u64 > limit {
        return Err(format!("{name} is larger than {limit} bytes, and no kubeconfig"));
    }
    String::from_utf8(bytes).map_err(|_| format!("{name} is no UTF-8, and no kubeconfig"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_kubeconfig_is_refused_before_it_is_sent() {
        assert_eq!(text(&b"kind: Config"[..], "f").unwrap(), "kind: Config");
        assert!(text(&[0xff][..], "f").unwrap_err().contains("UTF-8"));
        let large = vec![b'a'; KUBECONFIG_MAX + 1];
        assert!(text(&large[..], "f").unwrap_err().contains("larger"));
        assert!(text(&large[1..], "f").is_ok());
    }
}
