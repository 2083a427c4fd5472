//! What a VM runs by, concluded from its process of QEMU: what it was started
//! with, and whether it holds KVM open (X2). Pure; who reads processes is elsewhere.
//!
//! ```text
//!   started with       holds KVM    hypervisor_type   confidence
//!   kvm                yes, ?       kvm               high         it ends where it gets none
//!   kvm                no           kvm               low          it has only begun
//!   tcg                no, ?        qemu-tcg          high
//!   tcg                yes          qemu-tcg          low          one of both misleads
//!   kvm and tcg, or    yes          kvm               high
//!     nothing of that  no           qemu-tcg          high
//!     kind             ?            unknown           unknown
//!   another            -            as of a domain of that type
//! ```

use super::{Confidence, DetectionResult, HypervisorType, Reading, detect};

/// What a process of QEMU shows of how it runs its guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process<'a> {
    /// The accelerators that it was started with, in QEMU's words and in the order
    /// in which it tries them; none where it was left to choose.
    pub accelerators: Vec<&'a str>,
    /// Whether it holds KVM open; `None` where its open files cannot be read.
    pub holds_kvm: Option<bool>,
}

/// Concludes from a process.
pub fn detect_process(process: &Process<'_>) -> DetectionResult {
    let is_only = |word: &str| {
        !process.accelerators.is_empty() && process.accelerators.iter().all(|it| *it == word)
    };
    let is_any_of_qemu = process.accelerators.iter().all(|it| matches!(*it, "kvm" | "tcg"));
    match (process.accelerators.as_slice(), process.holds_kvm) {
        (_, holds) if is_only("kvm") => sure("kvm", holds != Some(false)),
        (_, holds) if is_only("tcg") => sure("qemu", holds != Some(true)),
        (_, Some(true)) if is_any_of_qemu => sure("kvm", true),
        (_, Some(false)) if is_any_of_qemu => sure("qemu", true),
        (_, None) if is_any_of_qemu => unknown(
            "its process may run it by KVM or emulate it, and which files it holds open cannot \
             be read"
                .to_owned(),
        ),
        ([other], _) => of_another(other),
        (several, _) => unknown(format!("its process may run it by any of {several:?}")),
    }
}

/// As of a domain of that type, which is always a VM.
fn sure(domain_type: &str, is_sure: bool) -> DetectionResult {
    let reading = Reading::Domain { domain_type: Some(domain_type), has_own_accelerator: !is_sure };
    detect(reading).unwrap_or_else(|| unknown("there is no such VM".to_owned()))
}

fn of_another(word: &str) -> DetectionResult {
    // libvirt calls one of them otherwise than QEMU.
    sure(if word == "mshv" { "hyperv" } else { word }, true)
}

fn unknown(why: String) -> DetectionResult {
    DetectionResult {
        hypervisor: HypervisorType::Unknown,
        error: Some(why),
        confidence: Confidence::Unknown,
        domain_type: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(accelerators: &[&str], holds_kvm: Option<bool>) -> (&'static str, &'static str) {
        let seen = detect_process(&Process { accelerators: accelerators.to_vec(), holds_kvm });
        assert_eq!(seen.error.is_some(), seen.confidence == Confidence::Unknown, "{seen:?}");
        (seen.hypervisor.as_str(), seen.confidence.as_str())
    }

    #[test]
    fn x2_a5_a_process_that_was_started_with_one_accelerator_is_certain_unless_it_shows_another() {
        for holds in [Some(true), None] {
            assert_eq!(of(&["kvm"], holds), ("kvm", "high"));
        }
        for holds in [Some(false), None] {
            assert_eq!(of(&["tcg"], holds), ("qemu-tcg", "high"));
        }
        assert_eq!(of(&["kvm"], Some(false)), ("kvm", "low"));
        assert_eq!(of(&["tcg"], Some(true)), ("qemu-tcg", "low"));
        assert_eq!(of(&["kvm", "kvm"], None), ("kvm", "high"));
    }

    #[test]
    fn x2_f8_where_it_may_fall_back_only_what_it_holds_open_tells() {
        for asked in [&["kvm", "tcg"][..], &["tcg", "kvm"], &[]] {
            assert_eq!(of(asked, Some(true)), ("kvm", "high"), "{asked:?}");
            assert_eq!(of(asked, Some(false)), ("qemu-tcg", "high"), "{asked:?}");
            assert_eq!(of(asked, None), ("unknown", "unknown"), "{asked:?}");
        }
    }

    #[test]
    fn x4_a11_other_accelerators_are_unknown_to_the_contract_and_keep_their_word() {
        let word = |word: &str| {
            let process = Process { accelerators: vec![word], holds_kvm: None };
            let seen = detect_process(&process);
            (seen.hypervisor_word().to_owned(), seen.confidence.as_str())
        };
        assert_eq!(word("mshv"), ("hyperv".to_owned(), "high"));
        assert_eq!(word("xen"), ("xen".to_owned(), "high"));
        assert_eq!(word("quantum"), ("quantum".to_owned(), "unknown"));
        assert_eq!(of(&["xen"], None), ("unknown", "high"));
        assert_eq!(of(&["hvf", "tcg"], Some(true)), ("unknown", "unknown"));
    }
}
