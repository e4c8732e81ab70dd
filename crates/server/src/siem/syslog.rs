//! Events as syslog messages (RFC 5424), framed for TLS (RFC 5425).

use cardea_provider::event::{Doing, Urgency, importance};
use serde_json::Value;

use super::selection::OutgoingEvent;

/// A receiver should take so much (RFC 5425 section 4.3.1).
const MESSAGE_BYTES_MAX: usize = 8192;
/// Longest name of a parameter, and longest `MSGID` (RFC 5424 section 6).
const NAME_BYTES_MAX: usize = 32;
/// Longest value of a parameter.
const VALUE_BYTES_MAX: usize = 2048;
/// The number that RFC 5612 keeps for documents stands behind the names of our elements: the
/// project has none of its own (RFC 5424 section 7.2.2).
const ENTERPRISE: u32 = 32473;
const AUTHENTICATION: u8 = 10;
const AUDIT: u8 = 13;
const ALERT: u8 = 1;
const WARNING: u8 = 4;
const NOTICE: u8 = 5;
const INFORMATIONAL: u8 = 6;

/// The event as a frame of RFC 5425: its length, a space, the message.
pub(crate) fn frame(event: &OutgoingEvent, host: &str) -> Vec<u8> {
    let mut message = message(event, host, true);
    if message.len() > MESSAGE_BYTES_MAX {
        message = self::message(event, host, false);
    }
    let mut frame = format!("{} ", message.len()).into_bytes();
    frame.extend_from_slice(message.as_bytes());
    frame
}

/// The name of this machine as a header may have it.
pub(crate) fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name: String = name
        .chars()
        .filter(char::is_ascii_graphic)
        .take(255)
        .collect();
    match name.is_empty() {
        true => "-".to_owned(),
        false => name,
    }
}

fn message(event: &OutgoingEvent, host: &str, is_whole: bool) -> String {
    let priority = priority(&event.kind);
    let time = event.time().unwrap_or_else(|| "-".to_owned());
    let kind = name_of(&event.kind);
    let mut message = format!("<{priority}>1 {time} {host} cardea - {kind} ");
    let mut element = Element::begin("event");
    element.put("place", &event.place.to_string());
    if let Some(id) = &event.id {
        element.put("id", id);
    }
    for (name, value) in &event.members {
        element.put(name, value);
    }
    if let Some(gone) = event.gone {
        element.put(gone, "true");
    }
    if !is_whole {
        element.put("shortened", "true");
    }
    message.push_str(&element.end());
    if is_whole && !event.details.is_empty() {
        let mut element = Element::begin("details");
        for (name, value) in &event.details {
            match value {
                Value::String(text) => element.put(name, text),
                other => element.put(name, &other.to_string()),
            }
        }
        message.push_str(&element.end());
    }
    // ASCII, so that no mark of an encoding need stand before it.
    message.push(' ');
    message.push_str(&kind);
    if let Some((_, code)) = event.members.iter().find(|(name, _)| *name == "code") {
        message.push(' ');
        message.extend(code.chars().filter(char::is_ascii_graphic));
    }
    message
}

/// One element of the structured data.
struct Element(String);

impl Element {
    fn begin(name: &str) -> Self {
        Self(format!("[{name}@{ENTERPRISE}"))
    }

    fn put(&mut self, name: &str, value: &str) {
        self.0.push(' ');
        self.0.push_str(&name_of(name));
        self.0.push_str("=\"");
        let mut bytes = 0_usize;
        for character in value.chars() {
            bytes = bytes.saturating_add(character.len_utf8());
            if bytes > VALUE_BYTES_MAX {
                self.0.push('…');
                break;
            }
            match character {
                // Section 6.3.3: these three, and no others.
                '"' | '\\' | ']' => self.0.extend(['\\', character]),
                // A receiver that writes lines must not be given one more.
                it if it.is_control() => self.0.push('\u{fffd}'),
                it => self.0.push(it),
            }
        }
        self.0.push('"');
    }

    fn end(mut self) -> String {
        self.0.push(']');
        self.0
    }
}

/// A name of visible ASCII without what parts names (section 6.3.2).
fn name_of(text: &str) -> String {
    let is_fit = |it: &char| it.is_ascii_graphic() && !matches!(it, '=' | ']' | '"');
    let name: String = text.chars().filter(is_fit).take(NAME_BYTES_MAX).collect();
    match name.is_empty() {
        true => "-".to_owned(),
        false => name,
    }
}

/// Facility 13, log audit, is for what operators and this server do; 10, security and
/// authorization, for people who sign in. What is not known is looked at.
fn priority(kind: &str) -> u8 {
    let (facility, severity) = match importance(kind) {
        Some((Doing::OfPeople, urgency)) => (AUTHENTICATION, severity(urgency)),
        Some((Doing::OfOperators, urgency)) => (AUDIT, severity(urgency)),
        None => (AUDIT, WARNING),
    };
    facility * 8 + severity
}

fn severity(urgency: Urgency) -> u8 {
    match urgency {
        Urgency::Act => ALERT,
        Urgency::Look => WARNING,
        Urgency::Note => NOTICE,
        Urgency::Plain => INFORMATIONAL,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::selection::select;
    use super::super::selection::tests::{entry, output};
    use super::{MESSAGE_BYTES_MAX, frame, host_name, priority};

    fn framed(details: &serde_json::Value) -> String {
        let event = select(&entry(details), &output("personal = \"all\""));
        let frame = frame(&event, "id-1");
        let text = String::from_utf8(frame).unwrap();
        let (length, message) = text.split_once(' ').unwrap();
        assert_eq!(
            length.parse::<usize>().unwrap(),
            message.len(),
            "octets are counted"
        );
        message.to_owned()
    }

    /// RFC 5424 sections 6 and 6.3.3: `"`, `\` and `]` are escaped, and nothing ends a line.
    #[test]
    fn a_message_has_its_parts_in_order_and_its_data_escaped() {
        let message = framed(&json!({"reason": "a\"b\\c]d\ne é", "places": [1, 2]}));
        assert_eq!(
            message,
            "<109>1 2026-12-01T08:05:45Z id-1 cardea - trust_anchor.added \
             [event@32473 place=\"7\" id=\"the id\" code=\"pki.revoked\" client_id=\"portal\" \
             session_id=\"session\" sub=\"person\"]\
             [details@32473 places=\"[1,2\\]\" reason=\"a\\\"b\\\\c\\]d\u{fffd}e é\"] \
             trust_anchor.added pki.revoked"
        );
    }

    #[test]
    fn no_message_is_longer_than_receivers_take() {
        let details: serde_json::Map<_, _> = (0..10)
            .map(|number| (format!("member{number}"), json!("é".repeat(5_000))))
            .collect();
        let message = framed(&details.into());
        assert!(message.len() <= MESSAGE_BYTES_MAX, "{}", message.len());
        assert!(message.contains("shortened=\"true\""));
        let one = framed(&json!({"member": "é".repeat(5_000)}));
        assert!(one.contains("é…\"]"), "{one}");
    }

    #[test]
    fn kinds_have_their_facility_and_severity() {
        for (kind, expected) in [
            ("login.accepted", (10, 6)),
            ("login.refused", (10, 4)),
            ("session.ended", (10, 6)),
            ("guard.account_stopped", (10, 4)),
            ("trust_anchor.added", (13, 5)),
            ("registration.refused", (13, 4)),
            ("presence.mass_loss_begun", (10, 1)),
            ("event_push.undelivered", (13, 4)),
            ("account.not_me", (10, 1)),
            ("console.looked_at", (13, 5)),
            ("console.refused", (13, 4)),
            ("guard.stop_lifted", (13, 5)),
            ("card.resumed", (13, 5)),
            ("card.suspended_by_operator", (13, 4)),
            ("card.suspended_by_code", (10, 4)),
            ("agent_instance.revoked_by_operator", (13, 5)),
            ("ledger.forgotten", (13, 4)),
            ("something.newer", (13, 4)),
        ] {
            let is = (priority(kind) / 8, priority(kind) % 8);
            assert_eq!(is, expected, "{kind}");
        }
        assert!(!host_name().contains(' '));
    }
}
