//! The query of a request, and the options that lists and watches read from it.

use crate::status::Refused;

/// The parameters, the last of each name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn parse(query: &str) -> Self {
        Self(form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    /// The value, or an empty one.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.0.iter().rev().find(|(one, _)| one == name).map_or("", |(_, value)| value)
    }

    /// Whether it is told and not false.
    pub(crate) fn flag(&self, name: &str) -> bool {
        let found = self.0.iter().rev().find(|(one, _)| one == name);
        found.is_some_and(|(_, value)| !matches!(value.as_str(), "false" | "0" | "False"))
    }

    /// Whether it says true, as Go reads it.
    pub(crate) fn truth(&self, name: &str) -> bool {
        matches!(self.text(name), "1" | "t" | "T" | "true" | "TRUE" | "True")
    }

    /// A number; nothing where it is absent or none.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.text(name).parse().ok()
    }

    /// `dryRun=All`.
    ///
    /// # Errors
    /// 422 for any other value.
    pub(crate) fn is_dry(&self) -> Result<bool, Refused> {
        match self.text("dryRun") {
            "" => Ok(false),
            "All" => Ok(true),
            other => {
                let words = format!(
                    "CreateOptions.meta.k8s.io \"\" is invalid: dryRun: Unsupported value: \
                     \"{other}\": supported values: \"All\""
                );
                Err(Refused::new(422, "Invalid", words, serde_json::json!({})))
            }
        }
    }

    /// Checks what lists and watches may say together.
    ///
    /// # Errors
    /// 422 for what they may not.
    pub(crate) fn check_options(&self) -> Result<(), Refused> {
        let (matching, initial) =
            (self.text("resourceVersionMatch"), self.text("sendInitialEvents"));
        let refuse = |field: &str, why: &str| {
            Err(Refused::invalid_options("ListOptions", field, "Forbidden", why))
        };
        if self.flag("watch") {
            if !initial.is_empty() && matching != "NotOlderThan" {
                return refuse(
                    "resourceVersionMatch",
                    "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
                );
            }
            if initial.is_empty() && !matching.is_empty() {
                return refuse(
                    "resourceVersionMatch",
                    "resourceVersionMatch is forbidden for watch unless sendInitialEvents is \
                     provided",
                );
            }
            return Ok(());
        }
        if !initial.is_empty() {
            return refuse("sendInitialEvents", "sendInitialEvents is forbidden for list");
        }
        if matching.is_empty() {
            return Ok(());
        }
        if self.text("resourceVersion").is_empty() {
            return refuse(
                "resourceVersionMatch",
                "resourceVersionMatch is forbidden unless resourceVersion is provided",
            );
        }
        if !self.text("continue").is_empty() {
            return refuse(
                "resourceVersionMatch",
                "resourceVersionMatch is forbidden when continue is provided",
            );
        }
        Ok(())
    }
}

/// What Go says of a text that is no number.
pub(crate) fn no_number(text: &str) -> String {
    format!(
        "resourceVersion: Invalid value: \"{text}\": strconv.ParseUint: parsing \"{text}\": invalid \
         syntax"
    )
}
