//! What a server tells the agents of a person's other sessions at once, over their presence
//! connections: that her card was used at a workstation for the first time, or that a use of it was
//! refused.
//!
//! ```text
//! {"type":"notice", "id":…, "kind":"new_workstation", "at":<unix seconds>, "workstation":…}
//! {"type":"notice", "id":…, "kind":"refused_use", "at":…, "code":"login.card_suspended"}
//! ```
//!
//! Nothing is decided by one: the agent shows words of its own, and leads to the account page of
//! the issuer that it is enrolled with. No address, sentence or name of a person stands in one.

use serde::{Deserialize, Serialize};

use crate::Error;

/// Longest id, in bytes.
const ID_BYTES_MAX: usize = 64;
/// Longest name of a workstation and longest code, in bytes.
const TEXT_BYTES_MAX: usize = 128;

/// What a notice is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum NoticeKind {
    /// The person's card was used, with its PIN, at a workstation for the first time.
    NewWorkstation,
    /// A use of her card was refused.
    RefusedUse,
    /// One that a later version of the server knows.
    #[serde(other)]
    Other,
}

/// A notice as it goes over the connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The same each time that it is told: one that was shown is not shown again.
    pub id: String,
    /// What it is about.
    pub kind: NoticeKind,
    /// When, unix seconds by the server's clock.
    pub at: i64,
    /// What the workstation calls itself, which proves nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workstation: Option<String>,
    /// Of a refusal: what the login page said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

impl Notice {
    /// Refuses a notice that is longer than one can be.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn check(&self) -> Result<(), Error> {
        let is_named = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
        let is_id = (1..=ID_BYTES_MAX).contains(&self.id.len()) && self.id.bytes().all(is_named);
        let texts = [&self.workstation, &self.code];
        let are_bounded = texts
            .into_iter()
            .flatten()
            .all(|text| text.len() <= TEXT_BYTES_MAX);
        match is_id && are_bounded {
            true => Ok(()),
            false => Err(Error::Malformed {
                reason: "the notice is none",
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice() -> Notice {
        Notice {
            id: "new:abc".to_owned(),
            kind: NoticeKind::NewWorkstation,
            at: 1_800_000_000,
            workstation: Some("Comptoir".to_owned()),
            code: None,
        }
    }

    #[test]
    fn a_notice_has_the_agreed_form_and_an_unknown_kind_is_one_too() {
        let text = serde_json::to_string(&notice()).unwrap();
        assert_eq!(
            text,
            r#"{"id":"new:abc","kind":"new_workstation","at":1800000000,"workstation":"Comptoir"}"#
        );
        assert_eq!(serde_json::from_str::<Notice>(&text).unwrap(), notice());
        let later = r#"{"id":"i","kind":"later","at":1,"more":true}"#;
        let later: Notice = serde_json::from_str(later).unwrap();
        assert_eq!(later.kind, NoticeKind::Other);
    }

    #[test]
    fn a_notice_is_bounded() {
        notice().check().unwrap();
        for id in ["", "<b>", &"a".repeat(65)] {
            let id = id.to_owned();
            let changed = Notice { id, ..notice() };
            assert!(changed.check().is_err(), "{changed:?}");
        }
        let workstation = Some("a".repeat(129));
        let changed = Notice {
            workstation,
            ..notice()
        };
        assert!(changed.check().is_err());
    }
}
