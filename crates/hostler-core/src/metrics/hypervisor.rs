//! What a VM really runs by: the hypervisor's own word, translated for the
//! metric `kubevirt_vmi_hypervisor_info` and for our wider one.
//!
//! ```text
//!   read of the VM                  hypervisor_type   confidence   error
//!   type kvm                        kvm               high         -
//!   type qemu                       qemu-tcg          high         -
//!   either, with an own -accel      the same          low          -
//!   another type that is known      unknown           high         -
//!   a type that nobody knows        unknown           unknown      which
//!   libvirt is not to be reached    unknown           unknown      why
//!   it cannot be understood         unknown           unknown      why
//!   there is no such VM             no result at all
//! ```
//!
//! The contract of that metric has three values (A5, A7); the type as libvirt
//! gave it is kept beside them (X4). Pure, so that every source can use it.
//!
//! Several may tell of the same VM: a cluster's API, which concludes, and a node's
//! agent, which looks at the process. The surest of them is told, and no other, so
//! that there is one series for each VM: [`surest`].

mod process;

pub use process::{Process, detect_process};

/// The three words of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HypervisorType {
    /// Hardware acceleration by KVM.
    Kvm,
    /// Software emulation by QEMU.
    QemuTcg,
    /// Anything else, and what could not be found out.
    Unknown,
}

impl HypervisorType {
    /// The word used on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            Self::QemuTcg => "qemu-tcg",
            Self::Unknown => "unknown",
        }
    }

    /// The contract's word for what [`DetectionResult::accelerator`] told.
    pub fn of_accelerator(word: &str) -> Self {
        match word {
            "kvm" => Self::Kvm,
            "tcg" => Self::QemuTcg,
            _ => Self::Unknown,
        }
    }
}

/// How sure a detection is (A10); the surest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confidence {
    /// The hypervisor itself said so.
    High,
    /// It was concluded from something else.
    Low,
    /// It could not be found out.
    Unknown,
}

impl Confidence {
    /// The word used on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Low => "low",
            Self::Unknown => "unknown",
        }
    }

    /// The one of that word; `None`: no such word.
    pub fn of_word(word: &str) -> Option<Self> {
        [Self::High, Self::Low, Self::Unknown].into_iter().find(|it| it.as_str() == word)
    }
}

/// Which of those who tell of one VM is believed, counted from 0: the surest, and of
/// several that are as sure the first. `None` where nobody tells.
pub fn surest(told: impl IntoIterator<Item = Confidence>) -> Option<usize> {
    let told = told.into_iter().enumerate();
    told.min_by_key(|(at, confidence)| (*confidence, *at)).map(|(at, _)| at)
}

/// What was found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetectionResult {
    /// The contract's word.
    pub hypervisor: HypervisorType,
    /// Why it is unknown, for people; `None` where it was found out.
    pub error: Option<String>,
    /// How sure it is.
    pub confidence: Confidence,
    /// The type in libvirt's words: `kvm`, `qemu`, `xen`, `lxc` …; `None` where
    /// it could not be read.
    pub domain_type: Option<String>,
}

/// What reading a VM's document came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading<'a> {
    /// It was read.
    Domain {
        /// Its type; `None` where it has none.
        domain_type: Option<&'a str>,
        /// Whether it hands an accelerator of its own to the hypervisor, past
        /// the type.
        has_own_accelerator: bool,
    },
    /// It could not be understood, and why.
    Malformed(&'a str),
    /// Nobody answered, and why.
    Unavailable(&'a str),
    /// There is no such VM.
    NotFound,
}

/// Types of libvirt's that are known and are neither `kvm` nor `qemu`.
const OTHERS: [&str; 17] = [
    "bhyve",
    "ch",
    "hvf",
    "hyperv",
    "kqemu",
    "linux",
    "lxc",
    "nvmm",
    "openvz",
    "parallels",
    "phyp",
    "test",
    "uml",
    "vbox",
    "vmware",
    "vz",
    "xen",
];

/// Concludes from what was read (A5, A11, X4); `None` where there is no VM, and
/// so no series.
pub fn detect(reading: Reading<'_>) -> Option<DetectionResult> {
    let failed = |error: String, domain_type: Option<&str>| DetectionResult {
        hypervisor: HypervisorType::Unknown,
        error: Some(error),
        confidence: Confidence::Unknown,
        domain_type: domain_type.map(str::to_owned),
    };
    let (domain_type, has_own_accelerator) = match reading {
        Reading::NotFound => return None,
        Reading::Unavailable(why) | Reading::Malformed(why) => {
            return Some(failed(why.to_owned(), None));
        }
        Reading::Domain { domain_type: None, .. } => {
            return Some(failed("its document has no type".to_owned(), None));
        }
        Reading::Domain { domain_type: Some(kind), has_own_accelerator } => {
            (kind, has_own_accelerator)
        }
    };
    let hypervisor = match domain_type {
        "kvm" => HypervisorType::Kvm,
        "qemu" => HypervisorType::QemuTcg,
        other if OTHERS.contains(&other) => HypervisorType::Unknown,
        other => return Some(failed(format!("its type `{other}` is not known"), Some(other))),
    };
    let confidence = if has_own_accelerator { Confidence::Low } else { Confidence::High };
    Some(DetectionResult {
        hypervisor,
        error: None,
        confidence,
        domain_type: Some(domain_type.to_owned()),
    })
}

impl DetectionResult {
    /// What runs the guest's instructions: `kvm`, `tcg`, `hvf`, `nvmm`, or
    /// `unknown`. Wider than the contract's word.
    pub fn accelerator(&self) -> &'static str {
        match (self.hypervisor, self.domain_type.as_deref()) {
            (HypervisorType::Kvm, _) => "kvm",
            (HypervisorType::QemuTcg, _) => "tcg",
            (HypervisorType::Unknown, Some("hvf")) => "hvf",
            (HypervisorType::Unknown, Some("nvmm")) => "nvmm",
            (HypervisorType::Unknown, _) => "unknown",
        }
    }

    /// The hypervisor's own word, or `unknown`.
    pub fn hypervisor_word(&self) -> &str {
        self.domain_type.as_deref().filter(|word| !word.is_empty()).unwrap_or("unknown")
    }
}

/// Namespace and name of a VM whose domain is named as KubeVirt does:
/// `namespace_name`. Names of Kubernetes have no underscore, so the first one
/// separates (X3). `None`: it is not named so.
pub fn namespace_name(domain: &str) -> Option<(&str, &str)> {
    domain.split_once('_').filter(|(namespace, name)| !namespace.is_empty() && !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(domain_type: &str) -> DetectionResult {
        let (domain_type, has_own_accelerator) = (Some(domain_type), false);
        detect(Reading::Domain { domain_type, has_own_accelerator }).unwrap()
    }

    #[test]
    fn a5_a17_b3_kvm_is_kvm_and_qemu_is_emulation_and_both_are_certain() {
        let seen = ["kvm", "qemu"].map(of);
        assert_eq!(seen[0].hypervisor.as_str(), "kvm");
        assert_eq!((seen[1].hypervisor.as_str(), seen[1].accelerator()), ("qemu-tcg", "tcg"));
        for one in seen {
            assert_eq!((one.confidence, one.error), (Confidence::High, None));
        }
    }

    #[test]
    fn x4_an_accelerator_handed_past_the_type_makes_it_less_certain() {
        for (kind, word) in [("qemu", "qemu-tcg"), ("kvm", "kvm")] {
            let reading = Reading::Domain { domain_type: Some(kind), has_own_accelerator: true };
            let seen = detect(reading).unwrap();
            assert_eq!((seen.hypervisor.as_str(), seen.confidence), (word, Confidence::Low));
        }
    }

    #[test]
    fn x4_a17_other_types_are_unknown_to_the_contract_and_kept_beside_it() {
        for kind in OTHERS {
            let seen = of(kind);
            assert_eq!((seen.hypervisor, seen.error.as_ref()), (HypervisorType::Unknown, None));
            assert_eq!((seen.hypervisor_word(), seen.confidence), (kind, Confidence::High));
        }
        assert_eq!(of("hvf").accelerator(), "hvf");
        assert_eq!(of("xen").accelerator(), "unknown");
    }

    #[test]
    fn a10_a11_a_type_nobody_knows_is_unknown_and_says_which() {
        for kind in ["KVM", "kvm ", "quantum", ""] {
            let seen = of(kind);
            assert_eq!(seen.hypervisor, HypervisorType::Unknown);
            assert_eq!(seen.confidence, Confidence::Unknown);
            assert!(seen.error.unwrap().contains(kind));
        }
        assert_eq!(of("").hypervisor_word(), "unknown", "A7: no label is empty");
    }

    #[test]
    fn a10_a11_a17_b4_what_cannot_be_read_is_unknown_and_what_is_not_there_has_no_series() {
        let untyped = Reading::Domain { domain_type: None, has_own_accelerator: false };
        for reading in [Reading::Unavailable("gone"), Reading::Malformed("bad"), untyped] {
            let seen = detect(reading).unwrap();
            assert_eq!(seen.hypervisor, HypervisorType::Unknown);
            assert_eq!((seen.confidence, seen.domain_type.as_ref()), (Confidence::Unknown, None));
            assert!(!seen.error.as_ref().unwrap().is_empty());
            assert_eq!((seen.hypervisor_word(), seen.accelerator()), ("unknown", "unknown"));
        }
        assert_eq!(detect(Reading::NotFound), None);
    }

    #[test]
    fn x2_x35_of_several_who_tell_of_one_vm_the_surest_is_believed() {
        use Confidence::{High, Low, Unknown};
        assert_eq!(surest([]), None);
        assert_eq!(surest([Low, High]), Some(1), "the process over what the API lets conclude");
        assert_eq!(surest([High, High, Low]), Some(0), "the first of several as sure");
        assert_eq!(surest([Unknown, Low]), Some(1));
        assert_eq!(surest([Unknown]), Some(0), "that nobody knows is told, too (A11)");
        for one in [High, Low, Unknown] {
            assert_eq!(Confidence::of_word(one.as_str()), Some(one));
        }
        assert_eq!(Confidence::of_word("certain"), None);
    }

    #[test]
    fn a7_the_contracts_word_follows_from_the_accelerator() {
        for kind in ["kvm", "qemu", "xen", "hvf", "quantum"] {
            let seen = of(kind);
            assert_eq!(HypervisorType::of_accelerator(seen.accelerator()), seen.hypervisor);
        }
    }

    #[test]
    fn x3_the_first_underscore_separates_namespace_and_name() {
        assert_eq!(namespace_name("ns_vm"), Some(("ns", "vm")));
        assert_eq!(namespace_name("a-b_c-d_e"), Some(("a-b", "c-d_e")));
        for plain in ["vm", "", "_", "_vm", "ns_"] {
            assert_eq!(namespace_name(plain), None, "{plain}");
        }
    }
}
