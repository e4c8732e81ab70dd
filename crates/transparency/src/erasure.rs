//! What an entry of the log says of erasures.

use serde::Deserialize;

/// The kind of the event that says whose personal parts were erased. Without it a personal part
/// that is gone is a finding: whoever can write into the database could otherwise take out what she
/// likes, and leave no trace.
pub const ERASURE_KIND: &str = "ledger.personal_data_erased";
/// The most places that one such event names.
pub const ERASURE_PLACES_MAX: usize = 200;

/// The part of its details that is looked at here.
#[derive(Deserialize)]
struct Recorded {
    places: Vec<u64>,
}

/// The places that an event at place `index` says were erased; none where it is no such event.
///
/// An erasure takes what has its place already, so that no event speaks for places from its own
/// on, nor for more than one erasure takes at once: none excuses what is still to come.
#[must_use]
pub fn erased_places(index: u64, kind: &str, details: &str) -> Vec<u64> {
    if kind != ERASURE_KIND {
        return Vec::new();
    }
    let recorded = serde_json::from_str::<Recorded>(details);
    let mut places = recorded.map(|it| it.places).unwrap_or_default();
    if places.len() > ERASURE_PLACES_MAX {
        return Vec::new();
    }
    places.retain(|it| *it < index);
    places
}

#[cfg(test)]
mod tests {
    use super::{ERASURE_KIND, ERASURE_PLACES_MAX, erased_places};

    #[test]
    fn an_erasure_speaks_for_few_places_before_its_own() {
        let of = |count: usize| {
            let places: Vec<u64> = (0..1_000).take(count).collect();
            format!(r#"{{"by":{{}},"places":{places:?}}}"#)
        };
        let read = |index, details: &str| erased_places(index, ERASURE_KIND, details);
        assert_eq!(read(9, &of(3)), [0, 1, 2]);
        assert_eq!(read(2, &of(3)), [0, 1]);
        assert!(read(0, &of(3)).is_empty());
        let most = ERASURE_PLACES_MAX;
        assert_eq!(read(5_000, &of(most)).len(), most);
        assert!(read(5_000, &of(most + 1)).is_empty());
        assert!(read(9, "no JSON").is_empty());
        assert!(erased_places(9, "login.accepted", &of(3)).is_empty());
    }
}
