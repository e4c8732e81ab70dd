//! The lists of the store, and whether they still serve.

use cardea_pki::revocation::CrlNumber;
use serde::Serialize;
use time::{Duration, OffsetDateTime};

use super::authority::Role;
use crate::config::RevocationConfig;
use crate::revocation_fetch::StoredList;

/// Whether a list serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ListState {
    /// Before its nextUpdate and under the configured age.
    Current,
    /// Past its nextUpdate or its age, and within the configured grace.
    InGrace,
    /// Of no use any more.
    Stale,
    /// Not in the store.
    Missing,
}

/// One list, or the place where one should be.
#[derive(Serialize)]
pub(super) struct List {
    /// The trust anchor in the configuration; absent for a list that belongs to none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) trust_anchor: Option<String>,
    pub(super) issuer: String,
    pub(super) state: ListState,
    #[serde(flatten)]
    pub(super) stored: Option<Stored>,
}

/// What is in the store.
#[derive(Serialize)]
pub(super) struct Stored {
    pub(super) url: String,
    /// `complete` or `delta`.
    pub(super) kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) number: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    pub(super) this_update: OffsetDateTime,
    #[serde(
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub(super) next_update: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339")]
    pub(super) fetched_at: OffsetDateTime,
    pub(super) age_seconds: i64,
    pub(super) entries: usize,
}

/// The rules that a list of an authority is under.
pub(super) struct Limits {
    age_seconds_max: u32,
    grace_seconds: u32,
}

impl Limits {
    /// An anchor's list speaks for issuing authorities, an intermediate's for cards.
    pub(super) fn of(config: &RevocationConfig, role: Role) -> Self {
        Self {
            age_seconds_max: match role {
                Role::Anchor => config.authority_crl_age_seconds_max,
                Role::Intermediate => config.crl_age_seconds_max,
            },
            grace_seconds: config.stale_crl_grace_seconds,
        }
    }

    /// Judges a list's window.
    pub(super) fn judge(
        &self,
        this_update: OffsetDateTime,
        next_update: Option<OffsetDateTime>,
        now: OffsetDateTime,
    ) -> ListState {
        let seconds = |seconds: u32| Duration::seconds(i64::from(seconds));
        let oldest = this_update + seconds(self.age_seconds_max);
        let end = next_update.map_or(oldest, |next_update| next_update.min(oldest));
        if now <= end {
            ListState::Current
        } else if now - end <= seconds(self.grace_seconds) {
            ListState::InGrace
        } else {
            ListState::Stale
        }
    }
}

impl List {
    pub(super) fn stored(
        trust_anchor: Option<&str>,
        list: &StoredList,
        limits: &Limits,
        now: OffsetDateTime,
    ) -> Self {
        Self {
            trust_anchor: trust_anchor.map(str::to_owned),
            issuer: list.issuer.clone(),
            state: limits.judge(list.this_update, list.next_update, now),
            stored: Some(Stored {
                url: list.url.clone(),
                kind: if list.is_delta { "delta" } else { "complete" },
                number: list.number.as_ref().map(number_in_words),
                this_update: list.this_update,
                next_update: list.next_update,
                fetched_at: list.fetched_at,
                age_seconds: (now - list.this_update).whole_seconds(),
                entries: list.entries,
            }),
        }
    }

    pub(super) fn missing(trust_anchor: &str, issuer: &str) -> Self {
        Self {
            trust_anchor: Some(trust_anchor.to_owned()),
            issuer: issuer.to_owned(),
            state: ListState::Missing,
            stored: None,
        }
    }
}

/// Decimal as long as that is short, as publishers print it.
fn number_in_words(number: &CrlNumber) -> String {
    let octets = number.as_be_bytes();
    let decimal = octets.iter().try_fold(0_u64, |value, octet| {
        value.checked_mul(256)?.checked_add(u64::from(*octet))
    });
    match decimal {
        Some(decimal) => decimal.to_string(),
        None => {
            let hexadecimal = octets.iter().map(|octet| format!("{octet:02x}"));
            format!("0x{}", hexadecimal.collect::<String>())
        }
    }
}

#[cfg(test)]
mod tests {
    use cardea_pki::revocation::CrlNumber;
    use time::{Duration, OffsetDateTime};

    use super::{Limits, ListState, number_in_words};

    #[test]
    fn a_list_serves_to_its_end_and_into_the_grace() {
        let start = OffsetDateTime::UNIX_EPOCH;
        let limits = Limits {
            age_seconds_max: 1000,
            grace_seconds: 50,
        };
        for (age, next, state) in [
            (500, Some(500), ListState::Current),
            (501, Some(500), ListState::InGrace),
            (551, Some(500), ListState::Stale),
            (1000, Some(5000), ListState::Current),
            (1051, Some(5000), ListState::Stale),
            (1051, None, ListState::Stale),
        ] {
            let at = |seconds| start + Duration::seconds(seconds);
            assert_eq!(limits.judge(start, next.map(at), at(age)), state, "{age}");
        }
    }

    #[test]
    fn numbers_are_decimal_while_short() {
        let words = |octets: &[u8]| number_in_words(&CrlNumber::from_be_bytes(octets));
        assert_eq!(words(&[5, 7]), "1287");
        assert_eq!(words(&[]), "0");
        assert_eq!(words(&[1; 9]), "0x010101010101010101");
    }
}
