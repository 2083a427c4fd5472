//! What a guest says of itself, by the agent that runs in it. Whoever owns the guest can
//! make the agent say anything, so these are texts for people: they are shown, marked as the
//! guest's own words, and nothing is ever decided by them (A43).

/// The word for where all of this comes from, as the source of facts and of addresses.
pub const SOURCE: &str = "guest_agent";
/// The longest text that is taken from a guest, in characters.
pub const TEXT_MAX: usize = 128;

/// What a guest says of itself. Each is `None` where the guest does not say it, or its provider
/// does not pass it on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GuestInfo {
    /// The system's short name: `debian`, `mswindows`.
    pub os_id: Option<String>,
    /// The system's name: `Debian GNU/Linux`.
    pub os_name: Option<String>,
    /// Name and version for people: `Debian GNU/Linux 12 (bookworm)`.
    pub os_pretty_name: Option<String>,
    /// The system's version: `12 (bookworm)`; its number where no more is said.
    pub os_version: Option<String>,
    /// The kernel's release: `6.1.0-31-amd64`.
    pub kernel_release: Option<String>,
    /// The kernel's version, as the guest writes it: a build's number and date.
    pub kernel_version: Option<String>,
    /// The architecture that the guest's kernel was built for: `x86_64`.
    pub machine: Option<String>,
    /// The name that the guest gives itself.
    pub host_name: Option<String>,
    /// The agent's version: `7.2.0`.
    pub agent_version: Option<String>,
}

impl GuestInfo {
    /// Whether it says anything at all.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The system for people: name and version in one, as far as they are told.
    pub fn system(&self) -> Option<String> {
        if self.os_pretty_name.is_some() {
            return self.os_pretty_name.clone();
        }
        let name = self.os_name.as_ref().or(self.os_id.as_ref())?;
        Some(match &self.os_version {
            Some(version) => format!("{name} {version}"),
            None => name.clone(),
        })
    }
}

/// A guest's text, fit to be shown: one line of at most [`TEXT_MAX`] characters, without such as
/// terminals or pages act upon. `None` where nothing is left.
pub fn text(told: &str) -> Option<String> {
    let harmless = |c: char| !c.is_control() && !is_invisible(c);
    let shown: String = told.chars().filter(|c| harmless(*c)).take(TEXT_MAX).collect();
    let shown = shown.trim();
    (!shown.is_empty()).then(|| shown.to_owned())
}

/// Whether it turns the direction of a line around or takes no room, so that a text could look
/// like another one.
const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a43_a_guests_text_is_one_harmless_line() {
        assert_eq!(text(" Debian GNU/Linux 12 \n").as_deref(), Some("Debian GNU/Linux 12"));
        assert_eq!(text("\u{1b}[2Jgone\r\nb").as_deref(), Some("[2Jgoneb"));
        assert_eq!(text("safe\u{202e}exe").as_deref(), Some("safeexe"));
        for nothing in ["", "  ", "\0\0", "\u{200b}"] {
            assert_eq!(text(nothing), None, "{nothing:?}");
        }
        let long = text(&"é".repeat(5_000)).expect("there is much");
        assert_eq!(long.chars().count(), TEXT_MAX);
    }

    #[test]
    fn e8_a_system_is_named_by_what_the_guest_says() {
        let some = |text: &str| Some(text.to_owned());
        let mut guest = GuestInfo::default();
        assert!(guest.is_empty());
        assert_eq!(guest.system(), None);
        guest.os_version = some("12");
        assert_eq!(guest.system(), None, "a version is no system");
        guest.os_id = some("debian");
        assert_eq!(guest.system(), some("debian 12"));
        guest.os_name = some("Debian GNU/Linux");
        assert_eq!(guest.system(), some("Debian GNU/Linux 12"));
        guest.os_pretty_name = some("Debian GNU/Linux 12 (bookworm)");
        assert_eq!(guest.system(), some("Debian GNU/Linux 12 (bookworm)"));
        assert!(!guest.is_empty());
    }
}
