//! The message: a subject that is one line, a text, and the same as HTML.

use std::fmt::Write as _;
use std::time::{Duration, UNIX_EPOCH};

use hostler_core::alert::notice::{Notice, NoticeAlert, Status};
use lettre::Message;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{MultiPart, SinglePart};

use super::Mail;
use crate::text::{self, digest, labels, left_off, line, title};

/// The longest subject, in characters.
const SUBJECT_MAX: usize = 200;

/// The message as it is sent, with lines ended by CR LF. The same notice makes the same
/// message, so that a server or a reader who gets it twice can see that.
pub(super) fn message(mail: &Mail, notice: &Notice) -> Result<Vec<u8>, String> {
    let id = |what: &str| format!("<{}@{}>", digest(what), mail.hello);
    let micros = u64::try_from(notice.made_at.as_micros()).unwrap_or(0);
    let mut builder = Message::builder()
        .from(mail.from.clone())
        .subject(subject(mail, notice))
        .date(UNIX_EPOCH + Duration::from_micros(micros))
        .message_id(Some(id(&notice.id)))
        // All of a group is one conversation.
        .references(id(&notice.group_key))
        .raw_header(header("Auto-Submitted", "auto-generated")?)
        .raw_header(header("X-Hostler-Receiver", &notice.receiver)?);
    for to in &mail.to {
        builder = builder.to(to.clone());
    }
    let part = |kind: ContentType, body: String| SinglePart::builder().header(kind).body(body);
    let parts = MultiPart::alternative()
        .boundary(digest(&notice.id))
        .singlepart(part(ContentType::TEXT_PLAIN, plain(notice)))
        .singlepart(part(ContentType::TEXT_HTML, html(notice)));
    Ok(builder.multipart(parts).map_err(|error| error.to_string())?.formatted())
}

fn header(name: &'static str, value: &str) -> Result<HeaderValue, String> {
    let name = HeaderName::new_from_ascii(name.into()).map_err(|error| error.to_string())?;
    Ok(HeaderValue::new(name, line(value, SUBJECT_MAX)))
}

/// As the operator wants it, or the title. Labels are those that all alerts share.
fn subject(mail: &Mail, notice: &Notice) -> String {
    let Some(template) = &mail.subject else { return line(&title(notice), SUBJECT_MAX) };
    let value = match &*notice.alerts {
        [alone] => alone.value,
        _ => f64::NAN,
    };
    let subject = line(&template.expand(&notice.common_labels(), value), SUBJECT_MAX);
    match notice.status {
        Status::Firing => subject,
        Status::Resolved => format!("[RESOLVED] {subject}"),
    }
}

fn since(alert: &NoticeAlert) -> String {
    match alert.ends_at {
        None => format!("fires since {}", alert.starts_at),
        Some(end) => format!("fired from {} to {end}", alert.starts_at),
    }
}

fn plain(notice: &Notice) -> String {
    let mut text = format!("{}\n", title(notice));
    // Writing to a string cannot fail, here and below.
    for alert in &notice.alerts {
        let (summary, description) = text::about(alert);
        let _ = write!(text, "\n{}: {summary}\n", alert.status.as_str().to_uppercase());
        for more in [description, Some(labels(&alert.labels)), Some(since(alert))] {
            let _ = more.map_or(Ok(()), |more| writeln!(text, "  {more}"));
        }
        for (name, url) in text::links(alert) {
            let _ = writeln!(text, "  {name}: {url}");
        }
    }
    if let Some(more) = left_off(notice.more_firing, notice.more_resolved) {
        let _ = write!(text, "\n… {more}\n");
    }
    if let Some(url) = notice.server_url.as_deref().and_then(text::safe_url) {
        let _ = write!(text, "\n{url}\n");
    }
    text
}

fn html(notice: &Notice) -> String {
    let mut html = String::from("<!DOCTYPE html><html><body style=\"font-family:sans-serif\">\n");
    let _ = writeln!(html, "<h2>{}</h2>", escaped(&title(notice)));
    for alert in &notice.alerts {
        let color = match (alert.status, alert.severity()) {
            (Status::Resolved, _) => "#2e8540",
            (Status::Firing, "critical") => "#b3261e",
            (Status::Firing, _) => "#c77700",
        };
        let (summary, description) = text::about(alert);
        let state = alert.status.as_str().to_uppercase();
        let _ = writeln!(
            html,
            "<p><strong style=\"color:{color}\">{state}</strong> <strong>{}</strong>",
            escaped(&summary)
        );
        for more in [description, Some(labels(&alert.labels)), Some(since(alert))] {
            let _ = more.map_or(Ok(()), |more| writeln!(html, "<br>{}", escaped(&more)));
        }
        for (name, url) in text::links(alert) {
            let _ = writeln!(html, "<br><a href=\"{}\">{name}</a>", escaped(&url));
        }
        html.push_str("</p>\n");
    }
    if let Some(more) = left_off(notice.more_firing, notice.more_resolved) {
        let _ = writeln!(html, "<p>… {}</p>", escaped(&more));
    }
    if let Some(url) = notice.server_url.as_deref().and_then(text::safe_url) {
        let _ = writeln!(html, "<p><a href=\"{0}\">{0}</a></p>", escaped(&url));
    }
    html.push_str("</body></html>\n");
    html
}

fn escaped(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut safe, character| {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            _ => safe.push(character),
        }
        safe
    })
}

#[cfg(test)]
mod tests {
    use hostler_core::Timestamp;
    use hostler_core::alert::group::Why;
    use proptest::prelude::*;

    use super::super::Security;
    use super::*;

    fn mail() -> Mail {
        Mail {
            host: "mail.example".into(),
            port: 25,
            security: Security::None,
            login: None,
            from: "Hostler <hostler@example.org>".parse().unwrap(),
            to: vec!["ops@example.org".parse().unwrap()],
            hello: "example.org".into(),
            subject: None,
        }
    }

    fn notice(name: &str, text: &str) -> Notice {
        let labels = [("alertname", name), ("vm", text), (text, name)];
        let labels: hostler_core::alert::LabelSet =
            labels.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Notice {
            id: text.into(),
            group_key: name.into(),
            receiver: text.into(),
            status: Status::Firing,
            why: Why::New,
            made_at: Timestamp::from_millis(1_750_000_000_000),
            group_labels: labels.clone(),
            alerts: vec![NoticeAlert {
                id: "a".into(),
                status: Status::Firing,
                annotations: [("summary".into(), text.into())].into(),
                labels,
                value: f64::NAN,
                starts_at: Timestamp::from_millis(0),
                ends_at: None,
                link: Some(text.into()),
            }],
            more_firing: 0,
            more_resolved: 0,
            server_url: Some(name.into()),
        }
    }

    proptest! {
        /// Whatever things are called, the head is the same headers, and no line of the mail
        /// is anything but ASCII that a server takes.
        #[test]
        fn no_name_changes_what_a_mail_is_made_of(
            name in "\\PC{0,40}|(\r|\n|\\.|:|<|>|&|a| |\u{202e}){0,30}",
            text in any::<String>(),
        ) {
            let message = String::from_utf8(message(&mail(), &notice(&name, &text)).unwrap()).unwrap();
            let (head, body) = message.split_once("\r\n\r\n").unwrap();
            let names: Vec<&str> = head
                .split("\r\n")
                .filter(|line| !line.starts_with([' ', '\t']))
                .filter_map(|line| line.split_once(':').map(|(name, _)| name))
                .collect();
            let expected = [
                "From", "Subject", "Date", "Message-ID", "References", "Auto-Submitted",
                "X-Hostler-Receiver", "To", "MIME-Version", "Content-Type",
            ];
            prop_assert_eq!(names, expected, "{}", head);
            prop_assert!(message.is_ascii());
            prop_assert!(!message.replace("\r\n", "").contains(['\r', '\n']));
            prop_assert!(message.split("\r\n").all(|line| line.len() <= 998));
            prop_assert_eq!(body.matches("Content-Type: ").count(), 2);
        }
    }
}
