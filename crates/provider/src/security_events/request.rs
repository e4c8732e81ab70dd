//! What a receiver asks (RFC 8936 section 2.2), with a name for which of its processes asks.

use serde_json::{Map, Value};

use crate::Error;

/// The stream of who names none.
const DEFAULT_NAME: &str = "default";
const NAME_BYTES_MAX: usize = 64;
/// The most SETs of one answer: each is signed for it.
const EVENTS_MAX: u32 = 100;
/// The most SETs that one question acknowledges, and the same of refusals.
const ACKNOWLEDGED_MAX: usize = 200;
const JTI_BYTES_MAX: usize = 128;
/// How much of a receiver's words stands in our log.
const WORDS_CHARACTERS_MAX: usize = 200;

/// One question for events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventPoll {
    pub(crate) stream: String,
    pub(crate) events_max: u32,
    pub(crate) return_immediately: bool,
    pub(crate) acknowledged: Vec<String>,
    pub(crate) refused: Vec<RefusedEvent>,
}

/// A SET that a receiver could not take (section 2.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RefusedEvent {
    pub(crate) jti: String,
    pub(crate) err: String,
    pub(crate) description: String,
}

impl EventPoll {
    /// Reads the members of a question; what is not known is left alone.
    ///
    /// # Errors
    /// [`Error::EventPollInvalid`].
    pub fn from_json(members: &Map<String, Value>) -> Result<Self, Error> {
        Ok(Self {
            stream: read_name(members.get("stream"))?,
            events_max: read_count(members.get("maxEvents"))?,
            return_immediately: match members.get("returnImmediately") {
                None | Some(Value::Null) => false,
                Some(Value::Bool(at_once)) => *at_once,
                Some(_) => return invalid("returnImmediately is true or false"),
            },
            acknowledged: read_acknowledged(members.get("ack"))?,
            refused: read_refused(members.get("setErrs"))?,
        })
    }

    /// Whether it is answered at once, whatever there is.
    #[must_use]
    pub fn returns_immediately(&self) -> bool {
        self.return_immediately || self.events_max == 0
    }
}

fn invalid<T>(reason: &'static str) -> Result<T, Error> {
    Err(Error::EventPollInvalid { reason })
}

fn read_name(value: Option<&Value>) -> Result<String, Error> {
    let name = match value {
        None | Some(Value::Null) => return Ok(DEFAULT_NAME.to_owned()),
        Some(Value::String(name)) => name,
        Some(_) => return invalid("stream is a text"),
    };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(is_plain) {
        return invalid("stream has 1 to 64 letters, digits, - and _");
    }
    Ok(name.clone())
}

fn read_count(value: Option<&Value>) -> Result<u32, Error> {
    match value {
        None | Some(Value::Null) => Ok(EVENTS_MAX),
        Some(value) => match value.as_u64() {
            Some(count) => Ok(u32::try_from(count).unwrap_or(EVENTS_MAX).min(EVENTS_MAX)),
            None => invalid("maxEvents is a whole number"),
        },
    }
}

fn read_acknowledged(value: Option<&Value>) -> Result<Vec<String>, Error> {
    let list = match value {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(list)) if list.len() <= ACKNOWLEDGED_MAX => list,
        Some(_) => return invalid("ack is a list of at most 200"),
    };
    let jtis = list.iter().map(|it| it.as_str().map_or("", |jti| jti));
    let jtis = jtis.map(read_jti);
    jtis.collect()
}

fn read_refused(value: Option<&Value>) -> Result<Vec<RefusedEvent>, Error> {
    let named = match value {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Object(named)) if named.len() <= ACKNOWLEDGED_MAX => named,
        Some(_) => return invalid("setErrs is an object of at most 200 members"),
    };
    let read = |(jti, why): (&String, &Value)| {
        let words = |member| why.get(member).and_then(Value::as_str).unwrap_or_default();
        Ok(RefusedEvent {
            jti: read_jti(jti)?,
            err: shortened(words("err")),
            description: shortened(words("description")),
        })
    };
    named.iter().map(read).collect()
}

fn read_jti(jti: &str) -> Result<String, Error> {
    let is_plain = jti.bytes().all(|byte| byte.is_ascii_graphic());
    if jti.is_empty() || jti.len() > JTI_BYTES_MAX || !is_plain {
        return invalid("a jti has 1 to 128 visible ASCII characters");
    }
    Ok(jti.to_owned())
}

fn shortened(words: &str) -> String {
    let shown = words.chars().filter(|it| !it.is_control());
    shown.take(WORDS_CHARACTERS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{EVENTS_MAX, EventPoll};
    use crate::Error;

    fn read(question: Value) -> Result<EventPoll, Error> {
        let Value::Object(members) = question else {
            panic!("an object");
        };
        EventPoll::from_json(&members)
    }

    #[test]
    fn a_question_without_members_asks_for_all_and_waits() {
        let poll = read(json!({})).unwrap();
        assert_eq!(poll.stream, "default");
        assert_eq!(poll.events_max, EVENTS_MAX);
        assert!(!poll.returns_immediately());
        assert!(poll.acknowledged.is_empty() && poll.refused.is_empty());
    }

    #[test]
    fn every_member_is_read() {
        let poll = read(json!({
            "stream": "node-1_A", "maxEvents": 7, "returnImmediately": true, "ack": ["a", "b"],
            "setErrs": {"c": {"err": "jwtIss", "description": "not\nyours"}}, "else": 1
        }))
        .unwrap();
        assert_eq!((poll.stream.as_str(), poll.events_max), ("node-1_A", 7));
        assert!(poll.returns_immediately());
        assert_eq!(poll.acknowledged, ["a", "b"]);
        assert_eq!(poll.refused[0].jti, "c");
        assert_eq!(poll.refused[0].err, "jwtIss");
        assert_eq!(poll.refused[0].description, "notyours");
        let only_acknowledges = read(json!({"maxEvents": 0})).unwrap();
        assert!(only_acknowledges.returns_immediately());
        let greedy = read(json!({"maxEvents": 5_000_000_000_u64})).unwrap();
        assert_eq!(greedy.events_max, EVENTS_MAX);
    }

    #[test]
    fn what_is_out_of_bounds_is_refused() {
        let many: Vec<_> = (0..201).map(|it| it.to_string()).collect();
        let errors: serde_json::Map<_, _> = many.iter().map(|it| (it.clone(), json!({}))).collect();
        for question in [
            json!({"stream": ""}),
            json!({"stream": "a b"}),
            json!({"stream": "a".repeat(65)}),
            json!({"stream": 1}),
            json!({"maxEvents": -1}),
            json!({"maxEvents": "2"}),
            json!({"returnImmediately": "yes"}),
            json!({"ack": "a"}),
            json!({"ack": [1]}),
            json!({"ack": ["a".repeat(129)]}),
            json!({"ack": many}),
            json!({"setErrs": ["a"]}),
            json!({"setErrs": errors}),
        ] {
            let refusal = read(question.clone()).unwrap_err();
            assert_eq!(refusal.code(), "provider.event_poll_invalid", "{question}");
        }
    }
}
