use openssl::pkey::PKey;

use super::super::named_places;
use super::{ERASURE_KIND, ErasedWhat, ErasureRecord, Erasures, SIGNED_ERASURES_KIND, Unexplained};
use crate::{Hash, KeyName, NoteSigner, SignatureKind, leaf_hash};

const ORIGIN: &str = "id.example.org/log";

struct Parts {
    log: NoteSigner,
    erasures: Erasures,
}

fn leaf(place: u64) -> Hash {
    leaf_hash(&place.to_be_bytes())
}

fn unsigned(places: &[u64]) -> String {
    format!(r#"{{"by":{{}},"places":{places:?}}}"#)
}

impl Parts {
    fn new() -> Self {
        let key = PKey::generate_ed25519().unwrap();
        let name = KeyName::new(ORIGIN).unwrap();
        let log = NoteSigner::new(name, SignatureKind::Ed25519, key).unwrap();
        let erasures = Erasures::new(log.verifier().clone());
        Self { log, erasures }
    }

    fn signed(&self, places: &[u64]) -> String {
        let entries: Vec<_> = places.iter().map(|it| (*it, leaf(*it))).collect();
        let what = ErasedWhat::Entries(&entries);
        let record = ErasureRecord::new(ORIGIN, 1, what).unwrap();
        let mut note = record.to_note().unwrap();
        note.add(self.log.sign(&note, 0).unwrap()).unwrap();
        let details = serde_json::json!({"places": places, "record": note.to_string()});
        details.to_string()
    }

    fn take(&mut self, places: &[u64]) {
        for place in places {
            self.erasures.take(*place, leaf(*place));
        }
    }
}

#[test]
fn a_signed_record_speaks_for_what_it_names_and_an_unsigned_one_no_more() {
    let mut parts = Parts::new();
    parts.take(&[1, 2, 3, 4]);
    parts.erasures.look_at(ERASURE_KIND, &unsigned(&[1]));
    let begun = parts.signed(&[]);
    parts.erasures.look_at(SIGNED_ERASURES_KIND, &begun);
    parts.erasures.look_at(ERASURE_KIND, &parts.signed(&[2, 3]));
    let nothing_names_it = Err(Unexplained::Unrecorded(4));
    assert_eq!(parts.erasures.finish(), nothing_names_it);
    parts.erasures.look_at("login.accepted", &unsigned(&[4]));
    parts
        .erasures
        .look_at(SIGNED_ERASURES_KIND, &unsigned(&[5]));
    assert_eq!(parts.erasures.finish(), nothing_names_it);
    parts.erasures.look_at(ERASURE_KIND, &unsigned(&[4]));
    parts
        .erasures
        .look_at_waiting(&unsigned(&[4]), |place| Some(leaf(place)));
    assert_eq!(parts.erasures.finish(), Err(Unexplained::Unsigned(4)));
    let record = parts.signed(&[4]);
    parts
        .erasures
        .look_at_waiting(&record, |place| Some(leaf(place)));
    assert_eq!(parts.erasures.finish(), Ok(1), "one from before");
}

/// Attack H14, by whoever copies a record, or changes what stands beside it.
#[test]
fn h14_a_record_of_other_places_leaves_or_keys_excuses_nothing() {
    let honest = Parts::new();
    let record = |details: &str| {
        let details: serde_json::Value = serde_json::from_str(details).unwrap();
        details["record"].clone()
    };
    let copied = serde_json::json!({"places": [3], "record": record(&honest.signed(&[2]))});
    let more = serde_json::json!({"places": [2, 3], "record": record(&honest.signed(&[2]))});
    let broken = serde_json::json!({"places": [3], "record": "no note"});
    for details in [
        copied.to_string(),
        more.to_string(),
        broken.to_string(),
        Parts::new().signed(&[3]),
    ] {
        let mut erasures = Erasures::new(honest.log.verifier().clone());
        erasures.take(3, leaf(3));
        erasures.look_at(ERASURE_KIND, &details);
        assert_eq!(
            erasures.finish(),
            Err(Unexplained::Unsigned(3)),
            "{details}"
        );
    }
    // After a restore another entry stands at the place.
    let mut erasures = Erasures::new(honest.log.verifier().clone());
    erasures.take(3, leaf(33));
    erasures.look_at(ERASURE_KIND, &honest.signed(&[3]));
    assert_eq!(erasures.finish(), Err(Unexplained::Unsigned(3)));
}

#[test]
fn a_record_speaks_for_few_places_before_its_own() {
    let mut parts = Parts::new();
    parts.erasures.look_at(ERASURE_KIND, &unsigned(&[1]));
    parts.take(&[1]);
    assert_eq!(parts.erasures.finish(), Err(Unexplained::Unrecorded(1)));
    let most: Vec<u64> = (0..200).collect();
    let too_many: Vec<u64> = (0..201).collect();
    assert_eq!(named_places(&unsigned(&most)).len(), 200);
    assert!(named_places(&unsigned(&too_many)).is_empty());
    assert!(named_places("no JSON").is_empty());
    parts.erasures.look_at(ERASURE_KIND, &unsigned(&too_many));
    assert_eq!(parts.erasures.finish(), Err(Unexplained::Unrecorded(1)));
    parts.erasures.look_at(ERASURE_KIND, &unsigned(&most));
    assert_eq!(parts.erasures.finish(), Ok(1));
}
