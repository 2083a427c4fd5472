//! A number that says whether two lists of machines are the same, in whatever order.

/// What a list of machines comes to: how many there are, and a sum over each one's namespace,
/// name and description. Lists that differ in any of these differ in it, but for chance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Digest {
    /// How many machines.
    pub count: u64,
    /// The sum.
    pub sum: u64,
}

impl Digest {
    /// Adds a machine.
    pub fn add(&mut self, namespace: &str, name: &str, description: &str) {
        self.count += 1;
        self.sum = self.sum.wrapping_add(hash([namespace, name, description]));
    }
}

/// FNV-1a, with a mark between the parts.
fn hash(parts: [&str; 3]) -> u64 {
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0xff]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::Digest;

    fn of(machines: &[[&str; 3]]) -> Digest {
        let mut digest = Digest::default();
        for [namespace, name, description] in machines {
            digest.add(namespace, name, description);
        }
        digest
    }

    #[test]
    fn the_same_in_any_order_and_nothing_else() {
        let (a, b) = (["one", "a", "x"], ["one", "b", "y"]);
        assert_eq!(of(&[a, b]), of(&[b, a]));
        for other in [["one", "b", "z"], ["two", "b", "y"], ["one", "c", "y"], ["one", "by", ""]] {
            assert_ne!(of(&[a, b]), of(&[a, other]));
        }
        assert_ne!(of(&[a]), of(&[a, a]));
    }
}
