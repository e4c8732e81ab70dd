//! Events as syslog messages (RFC 5424), framed for TLS (RFC 5425).
//!
//! Structured data of one's own needs an enterprise number behind its name (section 7.2.2), and the
//! project has none. So an operator's own number stands there; without one an event is an object of
//! JSON in the message, behind the mark by which receivers know it.

use std::fmt::Write as _;

use cardea_provider::event::{Doing, Urgency, importance};
use serde_json::{Value, json};

use super::selection::OutgoingEvent;

/// A receiver should take so much (RFC 5425 section 4.3.1).
const MESSAGE_BYTES_MAX: usize = 8192;
/// Longest name of a parameter, and longest `MSGID` (RFC 5424 section 6).
const NAME_BYTES_MAX: usize = 32;
/// Longest value of a parameter.
const VALUE_BYTES_MAX: usize = 2048;
/// Before the object in a message: what rsyslog, syslog-ng and others look for.
const JSON_MARK: &str = "@cee:";
const AUTHENTICATION: u8 = 10;
const AUDIT: u8 = 13;
const ALERT: u8 = 1;
const WARNING: u8 = 4;
const NOTICE: u8 = 5;
const INFORMATIONAL: u8 = 6;

/// From where to where messages go.
#[derive(Clone, Debug)]
pub(crate) struct Header {
    /// The machine that sends.
    pub(crate) host: String,
    /// The operator's number, where structured data are to be under one.
    pub(crate) enterprise: Option<u32>,
}

/// The event as a frame of RFC 5425: its length, a space, the message.
pub(crate) fn frame(event: &OutgoingEvent, header: &Header) -> Vec<u8> {
    let mut message = message(event, header, true);
    if message.len() > MESSAGE_BYTES_MAX {
        message = self::message(event, header, false);
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

fn message(event: &OutgoingEvent, header: &Header, is_whole: bool) -> String {
    let priority = priority(&event.kind);
    let time = event.time().unwrap_or_else(|| "-".to_owned());
    let (host, kind) = (&header.host, name_of(&event.kind));
    let event = match header.enterprise {
        Some(number) => as_structured_data(event, number, is_whole),
        None => as_json(event, is_whole),
    };
    format!("<{priority}>1 {time} {host} cardea - {kind} {event}")
}

/// An element that the registry of RFC 5424 has, and the event in the message.
fn as_json(event: &OutgoingEvent, is_whole: bool) -> String {
    let mut origin = Element::begin("origin");
    origin.put("software", "cardea");
    origin.put("swVersion", env!("CARGO_PKG_VERSION"));
    let mut object = event.json();
    if !is_whole {
        object.remove("details");
        object.insert("shortened".to_owned(), json!(true));
    }
    let mut text = origin.end();
    text.push(' ');
    text.push_str(JSON_MARK);
    // ASCII, so that no mark of an encoding need stand before it.
    for unit in bounded(Value::Object(object)).to_string().encode_utf16() {
        match u8::try_from(unit).map(char::from) {
            Ok(character) if matches!(character, ' '..='~') => text.push(character),
            _ => {
                let _ = write!(text, "\\u{unit:04x}");
            }
        }
    }
    text
}

/// Cuts texts as parameters are cut.
fn bounded(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(cut(&text)),
        Value::Array(values) => values.into_iter().map(bounded).collect(),
        Value::Object(members) => {
            let members = members.into_iter();
            members.map(|(name, it)| (name, bounded(it))).collect()
        }
        plain => plain,
    }
}

fn cut(text: &str) -> String {
    let mut end = VALUE_BYTES_MAX.min(text.len());
    while !text.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    match text.get(..end) {
        Some(kept) if end < text.len() => format!("{kept}…"),
        _ => text.to_owned(),
    }
}

fn as_structured_data(event: &OutgoingEvent, number: u32, is_whole: bool) -> String {
    let mut element = Element::begin(&format!("event@{number}"));
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
    let mut text = element.end();
    if is_whole && !event.details.is_empty() {
        let mut element = Element::begin(&format!("details@{number}"));
        for (name, value) in &event.details {
            match value {
                Value::String(text) => element.put(name, text),
                other => element.put(name, &other.to_string()),
            }
        }
        text.push_str(&element.end());
    }
    text.push(' ');
    text.push_str(&name_of(&event.kind));
    if let Some((_, code)) = event.members.iter().find(|(name, _)| *name == "code") {
        text.push(' ');
        text.extend(code.chars().filter(char::is_ascii_graphic));
    }
    text
}

/// One element of the structured data.
struct Element(String);

impl Element {
    fn begin(name: &str) -> Self {
        Self(format!("[{name}"))
    }

    fn put(&mut self, name: &str, value: &str) {
        self.0.push(' ');
        self.0.push_str(&name_of(name));
        self.0.push_str("=\"");
        for character in cut(value).chars() {
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
    use std::collections::BTreeSet;

    use cardea_provider::event::{Urgency, importance};
    use serde_json::{Value, json};

    use super::super::selection::select;
    use super::super::selection::tests::{entry, output};
    use super::{Header, MESSAGE_BYTES_MAX, frame, host_name, priority};

    fn framed(details: &Value, enterprise: Option<u32>) -> String {
        let event = select(&entry(details), &output("personal = \"all\""));
        let host = "id-1".to_owned();
        let frame = frame(&event, &Header { host, enterprise });
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
    fn under_a_number_a_message_has_its_parts_in_order_and_its_data_escaped() {
        let details = json!({"reason": "a\"b\\c]d\ne é", "places": [1, 2]});
        let message = framed(&details, Some(64_999));
        assert_eq!(
            message,
            "<109>1 2026-12-01T08:05:45Z id-1 cardea - trust_anchor.added \
             [event@64999 place=\"7\" id=\"the id\" code=\"pki.revoked\" client_id=\"portal\" \
             session_id=\"session\" sub=\"person\"]\
             [details@64999 places=\"[1,2\\]\" reason=\"a\\\"b\\\\c\\]d\u{fffd}e é\"] \
             trust_anchor.added pki.revoked"
        );
    }

    /// Without a number nothing stands there that would need one, and the object is all ASCII.
    #[test]
    fn without_a_number_the_event_is_an_object_in_the_message() {
        let message = framed(&json!({"reason": "a\"b]d\ne é 😀"}), None);
        let (begin, object) = message.split_once(" @cee:").unwrap();
        assert_eq!(
            begin,
            format!(
                "<109>1 2026-12-01T08:05:45Z id-1 cardea - trust_anchor.added \
                 [origin software=\"cardea\" swVersion=\"{}\"]",
                env!("CARGO_PKG_VERSION")
            )
        );
        assert!(
            object.is_ascii() && !object.contains(char::is_control),
            "{object}"
        );
        let object: Value = serde_json::from_str(object).unwrap();
        assert_eq!(object["details"]["reason"], "a\"b]d\ne é 😀");
        assert_eq!(
            (&object["place"], &object["code"]),
            (&json!(7), &json!("pki.revoked"))
        );
    }

    #[test]
    fn no_message_is_longer_than_receivers_take() {
        let details: serde_json::Map<_, _> = (0..10)
            .map(|number| (format!("member{number}"), json!("é".repeat(5_000))))
            .collect();
        let details = details.into();
        for (enterprise, mark) in [
            (Some(1), "shortened=\"true\""),
            (None, "\"shortened\":true"),
        ] {
            let message = framed(&details, enterprise);
            assert!(message.len() <= MESSAGE_BYTES_MAX, "{}", message.len());
            assert!(message.contains(mark), "{message}");
        }
        let one = json!({"member": "é".repeat(5_000)});
        assert!(framed(&one, Some(1)).contains("é…\"]"));
        assert!(framed(&one, None).contains("\\u00e9\\u2026\""));
    }

    #[test]
    fn kinds_have_their_facility_and_severity() {
        for (kind, expected) in [
            ("login.accepted", (10, 6)),
            ("login.refused", (10, 4)),
            ("session.ended", (10, 6)),
            ("guard.account_stopped", (10, 1)),
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

    /// What wakes an operator by a rule of Prometheus is an alert here, too.
    #[test]
    fn what_pages_is_an_alert() {
        let rules = include_str!("../../../../docs/alerts.yml");
        let mut paging = BTreeSet::from(["presence.mass_loss_begun"]);
        assert!(rules.contains("cardea_mass_presence_loss == 1"));
        for rule in rules
            .split("- alert:")
            .filter(|it| it.contains("severity: page"))
        {
            let named = rule.split("event=\"").skip(1);
            paging.extend(named.filter_map(|it| it.split('"').next()));
        }
        assert!(paging.len() > 2, "{paging:?}");
        for kind in &paging {
            assert_eq!(importance(kind).unwrap().1, Urgency::Act, "{kind}");
        }
    }
}
