//! An issuer that passes for another: refused where it is plain, told to the person where it may
//! be honest (UTS #39).

use unicode_security::{MixedScript as _, confusable_detection::skeleton};

use crate::enrolment::{Enrolment, IssuerUrl};

/// What a person must know before she pins an issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Concern {
    /// The host is an internationalised name: what it looks like is not what it is.
    InternationalHost {
        /// As the network has it.
        ascii: String,
        /// As it is shown elsewhere.
        unicode: String,
    },
    /// Login pages are on another site than the issuer.
    ForeignOrigin {
        /// The page's origin.
        origin: String,
    },
    /// The connection is not encrypted: only on a loopback address, for trials.
    Unencrypted,
}

/// Why the new issuer can't be told from one that is enrolled, if it can't.
pub(super) fn deception(new: &Enrolment, enrolled: &[&Enrolment]) -> Option<String> {
    if !is_one_script(&new.name) {
        return Some("its name mixes scripts, so that it reads like another".to_owned());
    }
    let host = unicode_host(&new.issuer);
    if host.split('.').any(|label| !is_one_script(label)) {
        let host = new.issuer.host();
        return Some(format!("a part of its host {host} mixes scripts"));
    }
    for other in enrolled.iter().filter(|other| other.issuer != new.issuer) {
        let address = other.issuer.as_str();
        if appearance(&new.name) == appearance(&other.name) {
            return Some(format!("its name is that of {address}, which is enrolled"));
        }
        let others_host = unicode_host(&other.issuer);
        if new.issuer.host() != other.issuer.host() && appearance(&host) == appearance(&others_host)
        {
            return Some(format!(
                "its host looks like that of {address}, which is enrolled"
            ));
        }
        // One page would speak for two issuers.
        if let Some(origin) = new.origins.iter().find(|it| other.origins.contains(it)) {
            let origin = origin.as_str();
            return Some(format!(
                "{origin} is a page of {address}, which is enrolled"
            ));
        }
    }
    None
}

/// What is to be told.
pub(super) fn concerns(new: &Enrolment) -> Vec<Concern> {
    let mut concerns = Vec::new();
    let (ascii, unicode) = (new.issuer.host(), unicode_host(&new.issuer));
    if ascii != unicode {
        concerns.push(Concern::InternationalHost { ascii, unicode });
    }
    for origin in &new.origins {
        if !is_own_site(origin.as_str(), &new.issuer) {
            let origin = origin.as_str().to_owned();
            concerns.push(Concern::ForeignOrigin { origin });
        }
    }
    if new.issuer.as_str().starts_with("http:") {
        concerns.push(Concern::Unencrypted);
    }
    concerns
}

/// The issuer's own host or one below it. Nothing here knows where a registrable domain begins, so
/// a sister's host is another site's.
fn is_own_site(origin: &str, issuer: &IssuerUrl) -> bool {
    let own = issuer.host();
    url::Url::parse(origin).is_ok_and(|url| {
        let host = url.host_str().unwrap_or_default();
        host == own || host.ends_with(&format!(".{own}"))
    })
}

fn unicode_host(issuer: &IssuerUrl) -> String {
    let (unicode, _) = idna::domain_to_unicode(&issuer.host());
    unicode
}

fn is_one_script(text: &str) -> bool {
    text.split_whitespace().all(|word| word.is_single_script())
}

/// What a text looks like, without regard to case, spaces and marks between words.
fn appearance(text: &str) -> String {
    let folded: String = skeleton(&text.to_lowercase()).collect();
    let folded: String = skeleton(&folded.to_lowercase()).collect();
    folded.chars().filter(|c| c.is_alphanumeric()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::enrolment::parse_origin;

    fn issuer(url: &str, name: &str) -> Enrolment {
        let issuer = IssuerUrl::parse(url).unwrap();
        Enrolment {
            origins: vec![issuer.origin()],
            issuer,
            name: name.to_owned(),
            roots: Vec::new(),
            ca_pem: None,
            log: None,
        }
    }

    #[test]
    fn names_and_hosts_that_pass_for_an_enrolled_issuers_are_refused() {
        let known = issuer("https://sante.example", "Portail santé");
        let enrolled = [&known];
        // Cyrillic letters among Latin ones.
        let host = idna::domain_to_ascii("s\u{0430}nt\u{0435}.example").unwrap();
        let mixed = format!("https://{host}");
        for (url, name, refused) in [
            ("https://autre.example", "Autre portail", false),
            ("https://sante.example:8443", "Portail de test", false),
            ("https://autre.example", "Portail santé", true),
            ("https://autre.example", "PORTAIL  SANTÉ", true),
            ("https://autre.example", "Portail-santé", true),
            // A Cyrillic o; then a word that is wholly Cyrillic, and looks like a Latin one.
            ("https://autre.example", "P\u{043e}rtail", true),
            ("https://autre.example", "\u{0440}\u{0430}\u{0443}", false),
            (&mixed, "Autre", true),
        ] {
            let found = deception(&issuer(url, name), &enrolled);
            assert_eq!(found.is_some(), refused, "{url} {name}: {found:?}");
        }
        let mut thief = issuer("https://autre.example", "Autre");
        thief.origins.push(known.issuer.origin());
        assert!(deception(&thief, &enrolled).is_some());
        // Itself, once more.
        assert_eq!(deception(&known, &enrolled), None);
    }

    #[test]
    fn a_host_wholly_of_another_script_that_looks_like_an_enrolled_one_is_refused() {
        let known = issuer("https://cope.example", "Coopérative");
        let enrolled = [&known];
        // "соре" in Cyrillic.
        let host = idna::domain_to_ascii("\u{0441}\u{043e}\u{0440}\u{0435}.example").unwrap();
        let url = format!("https://{host}");
        assert!(deception(&issuer(&url, "Autre"), &enrolled).is_some());
        let told = concerns(&issuer(&url, "Autre"));
        assert!(matches!(&told[..], [Concern::InternationalHost { ascii, .. }] if *ascii == host));
    }

    #[test]
    fn pages_of_another_site_and_missing_encryption_are_told() {
        let mut new = issuer("https://login.example", "Portail");
        assert_eq!(concerns(&new), []);
        for origin in ["https://a.login.example", "https://login.example:8443"] {
            new.origins.push(parse_origin(origin).unwrap());
        }
        assert_eq!(concerns(&new), []);
        for origin in ["https://evil.example", "https://xlogin.example"] {
            new.origins = vec![parse_origin(origin).unwrap()];
            let told = concerns(&new);
            assert!(
                matches!(&told[..], [Concern::ForeignOrigin { .. }]),
                "{origin}"
            );
        }
        let local = issuer("http://127.0.0.1:8080", "Essai");
        assert_eq!(concerns(&local), [Concern::Unencrypted]);
    }
}
