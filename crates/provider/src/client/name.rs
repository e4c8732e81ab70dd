//! Whether a name passes for another's (attack D8, UTS #39).
//!
//! An operator names the clients that she registers herself. A client that registers itself chooses
//! the name that people read before they type a PIN, so that it is held to more.

use unicode_security::MixedScript as _;
use unicode_security::confusable_detection::skeleton;

use crate::{Client, Error};

/// What a name looks like, without regard to case, spaces and marks between words.
pub(crate) fn name_key(name: &str) -> String {
    // A capital may look like another letter than its small form does.
    let folded: String = skeleton(&name.to_lowercase()).collect();
    let folded: String = skeleton(&folded.to_lowercase()).collect();
    folded.chars().filter(|c| c.is_alphanumeric()).collect()
}

/// Refuses a name that no reader could tell from one of `others`, or that nobody could read for
/// what it is.
///
/// # Errors
/// [`Error::ClientMetadataInvalid`], [`Error::ClientNameTaken`].
pub(crate) fn check_own_name<'a>(
    client: &Client,
    others: impl Iterator<Item = &'a Client>,
) -> Result<String, Error> {
    let wrong = |reason| Error::ClientMetadataInvalid {
        key: "client_name",
        reason,
    };
    let mut words = client.name.split_whitespace();
    if !words.all(|word| word.is_single_script()) {
        return Err(wrong("must not mix scripts within a word"));
    }
    let key = name_key(&client.name);
    if key.is_empty() {
        return Err(wrong("must have a letter or a digit"));
    }
    for other in others {
        if other.client_id != client.client_id && name_key(&other.name) == key {
            return Err(Error::ClientNameTaken);
        }
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::check_own_name;
    use crate::{Client, ClientAuthentication};

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
            let outcome = check_own_name(&named("new", name), [&known].into_iter());
            let refused = outcome.err().map(|error| error.code());
            assert_eq!(refused, code, "{name}");
        }
        // Its own name stays its own.
        assert!(check_own_name(&known, [&known].into_iter()).is_ok());
    }
}
