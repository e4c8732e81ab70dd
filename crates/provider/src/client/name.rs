//! Whether a name passes for another's (attack D8, UTS #39).
//!
//! An operator names the clients that she registers herself. A client that registers itself chooses
//! the name that people read before they type a PIN, so that it is held to more.

use unicode_script::{Script, UnicodeScript as _};
use unicode_security::MixedScript as _;
use unicode_security::confusable_detection::skeleton;

use crate::{Client, Error, RegisteredNames};

/// What a name looks like, as it is written and all in small and all in capital letters: a capital
/// may look like another letter than its small form does. Two names that have any of them in common
/// pass for each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NameKeys([String; 3]);

impl NameKeys {
    pub(crate) fn of(name: &str) -> Self {
        Self([
            looks_of(name),
            looks_of(&name.to_lowercase()),
            looks_of(&name.to_uppercase()),
        ])
    }

    fn is_empty(&self) -> bool {
        self.0.iter().any(String::is_empty)
    }

    fn pass_for(&self, other: &Self) -> bool {
        self.0.iter().any(|key| other.0.contains(key))
    }

    /// As [`NameKeys::pass_for`], with keys that were stored.
    pub(crate) fn pass_for_stored(&self, stored: &str) -> bool {
        stored
            .split(' ')
            .any(|it| self.0.iter().any(|key| key == it))
    }

    /// One text, for the database. No key holds a space.
    pub(crate) fn to_stored(&self) -> String {
        self.0.join(" ")
    }
}

/// A name's skeleton (UTS #39), without regard to case, spaces and marks between words. The
/// skeleton has I, l and 1 as one already; readers take an i for them as well.
fn looks_of(name: &str) -> String {
    let folded: String = skeleton(name).collect();
    let folded: String = skeleton(&folded.to_lowercase()).collect();
    folded
        .chars()
        .filter(|c| c.is_alphanumeric())
        .map(|c| match c {
            'i' | '1' | '\u{131}' => 'l',
            '0' => 'o',
            other => other,
        })
        .collect()
}

/// Refuses a name that no reader could tell from one of `others`, or that nobody could read for
/// what it is.
///
/// # Errors
/// [`Error::ClientMetadataInvalid`], [`Error::ClientNameTaken`].
pub(crate) fn check_own_name<'a>(
    client: &Client,
    names: RegisteredNames,
    others: impl Iterator<Item = &'a Client>,
) -> Result<NameKeys, Error> {
    let wrong = |reason| Error::ClientMetadataInvalid {
        key: "client_name",
        reason,
    };
    let is_latin = |c: char| {
        matches!(
            c.script(),
            Script::Latin | Script::Common | Script::Inherited
        )
    };
    if names == RegisteredNames::Latin && !client.name.chars().all(is_latin) {
        let reason = "must be in Latin letters, as far as the initial access token goes";
        return Err(wrong(reason));
    }
    let mut words = client.name.split_whitespace();
    if !words.all(|word| word.is_single_script()) {
        return Err(wrong("must not mix scripts within a word"));
    }
    let keys = NameKeys::of(&client.name);
    if keys.is_empty() {
        return Err(wrong("must have a letter or a digit"));
    }
    for other in others {
        if other.client_id != client.client_id && keys.pass_for(&NameKeys::of(&other.name)) {
            return Err(Error::ClientNameTaken);
        }
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::{NameKeys, check_own_name};
    use crate::{Client, ClientAuthentication, RegisteredNames};

    fn named(client_id: &str, name: &str) -> Client {
        Client::new(client_id, name, ClientAuthentication::None)
    }

    #[test]
    fn d8_a_client_cannot_take_a_name_that_looks_like_anothers() {
        let known = named("pharmacie", "Portail de la pharmacie");
        for (name, code) in [
            ("Portail du laboratoire", None),
            (
                "Portail de la pharmacie",
                Some("provider.client_name_taken"),
            ),
            (
                "PORTAIL DE LA PHARMACIE",
                Some("provider.client_name_taken"),
            ),
            (
                "Portail-de-la-pharmacie",
                Some("provider.client_name_taken"),
            ),
            (
                "Portai1 de la pharmacie",
                Some("provider.client_name_taken"),
            ),
            // A Cyrillic o.
            ("P\u{43e}rtail", Some("provider.client_metadata_invalid")),
            ("- -", Some("provider.client_metadata_invalid")),
        ] {
            let outcome = check_own_name(
                &named("new", name),
                RegisteredNames::Latin,
                [&known].into_iter(),
            );
            let refused = outcome.err().map(|error| error.code());
            assert_eq!(refused, code, "{name}");
        }
        // Its own name stays its own.
        let own = check_own_name(&known, RegisteredNames::Latin, [&known].into_iter());
        assert!(own.is_ok());
    }

    /// Whatever the case, and however I, l, 1 and i are told apart by the machine.
    #[test]
    fn d8_names_that_look_alike_in_any_case_are_one() {
        for (known, name) in [
            // All in Cyrillic, and all in Greek.
            ("CPAM", "\u{421}\u{420}\u{410}\u{41c}"),
            ("Cpam", "\u{421}\u{440}\u{430}\u{43c}"),
            ("CNAM", "\u{3f9}\u{39d}\u{391}\u{39c}"),
            ("Portal al", "Portal aI"),
            ("amelipro", "ameIipro"),
            ("amelipro", "amel1pro"),
            ("AMELIPRO", "ame|ipro1".trim_end_matches('1')),
            ("Portail 10", "Portail lO"),
        ] {
            let known = named("known", known);
            let new = named("new", name);
            let taken = check_own_name(&new, RegisteredNames::AnyScript, [&known].into_iter());
            let code = taken.err().map(|error| error.code());
            assert_eq!(code, Some("provider.client_name_taken"), "{name}");
            let stored = NameKeys::of(&known.name).to_stored();
            assert!(NameKeys::of(name).pass_for_stored(&stored), "{name}");
        }
        let known = named("known", "CPAM");
        let other = named("new", "CNAM");
        assert!(check_own_name(&other, RegisteredNames::Latin, [&known].into_iter()).is_ok());
    }

    #[test]
    fn d8_names_are_in_latin_letters_unless_the_operator_allows_others() {
        for (name, is_latin) in [
            ("Hôpital Édouard-Herriot (n° 2) l’Été", true),
            ("Портал", false),
            ("Portail Портал", false),
            ("Πύλη", false),
        ] {
            let new = named("new", name);
            for (names, accepted) in [
                (RegisteredNames::Latin, is_latin),
                (RegisteredNames::AnyScript, true),
            ] {
                let outcome = check_own_name(&new, names, std::iter::empty());
                assert_eq!(outcome.is_ok(), accepted, "{name}");
            }
        }
    }
}
