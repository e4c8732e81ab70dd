//! The lists at hand of one address, one of each series.
//!
//! Whoever stands between this server and the publisher can serve any list that the authorities
//! ever signed: of other authorities, other keys, other scopes. A list therefore takes the place
//! of one of its own series alone, and others of an issuer speak beside each other: what is known
//! to be revoked stays so. A publisher that takes another key or scope into use is heeded at once.

use cardea_pki::Certificate;
use cardea_pki::revocation::{Crl, CrlSeries};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use crate::http_client::Validators;

/// Lists of one issuer at one address: an old and a new key, in two scopes each.
const SERIES_MAX: usize = 4;
/// How long a list that has run out is kept beside others. By then the cards on it are on its
/// successor, or have run out themselves.
const KEPT_AFTER_END: time::Duration = time::Duration::days(30);

/// Times that a list is confirmed before it is fetched whole again.
const CONFIRMATIONS_MAX: u32 = 12;

/// A verified list.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) list: Crl,
    pub(super) series: CrlSeries,
    /// When the publisher gave or confirmed it last.
    pub(super) fetched_at: OffsetDateTime,
    pub(super) validators: Validators,
    /// Of its DER, to tell a list that was fetched again without having changed.
    pub(super) sha256: String,
    /// Times in a row that it was confirmed without being given.
    confirmations: u32,
}

impl Held {
    pub(super) fn new(
        list: Crl,
        signer: &Certificate,
        fetched_at: OffsetDateTime,
        validators: Validators,
        sha256: String,
    ) -> Self {
        Self {
            series: CrlSeries::of(&list, signer),
            list,
            fetched_at,
            validators,
            sha256,
            confirmations: 0,
        }
    }

    /// What the publisher may be asked by: whether it has this version still. Whoever stands
    /// between may have given a version's name with another version's list, so the name is
    /// believed for a while and not forever.
    fn version(&self, now: OffsetDateTime) -> Validators {
        if self.has_run_out(now) || self.confirmations >= CONFIRMATIONS_MAX {
            return Validators::default();
        }
        let Validators {
            etag,
            last_modified,
        } = self.validators.clone();
        let is_past = |text: &String| {
            OffsetDateTime::parse(text, &Rfc2822).is_ok_and(|modified| modified <= now)
        };
        Validators {
            etag,
            last_modified: last_modified.filter(is_past),
        }
    }

    /// Whether its `nextUpdate` has passed; a list that promises no next one is never current.
    pub(super) fn has_run_out(&self, now: OffsetDateTime) -> bool {
        self.list.next_update().is_none_or(|next| next <= now)
    }

    fn ended(&self) -> OffsetDateTime {
        self.list.next_update().unwrap_or(self.list.this_update())
    }

    fn has_run_out_lately(&self, now: OffsetDateTime) -> bool {
        self.has_run_out(now) && now - self.ended() < time::Duration::DAY
    }

    fn is_long_over(&self, now: OffsetDateTime) -> bool {
        now - self.ended() >= KEPT_AFTER_END
    }
}

/// All lists of one address; the one that was given or confirmed last is the last.
#[derive(Clone, Debug, Default)]
pub(super) struct HeldLists(Vec<Held>);

impl HeldLists {
    /// The list that the publisher gave or confirmed last.
    pub(super) fn newest(&self) -> Option<&Held> {
        self.0.last()
    }

    /// What the publisher is asked by; nothing where any list needs a successor.
    pub(super) fn version(&self, now: OffsetDateTime) -> Validators {
        match self.newest() {
            Some(newest) if !self.0.iter().any(|held| held.has_run_out_lately(now)) => {
                newest.version(now)
            }
            _ => Validators::default(),
        }
    }

    pub(super) fn lists(&self) -> impl Iterator<Item = &Crl> {
        self.0.iter().map(|held| &held.list)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn has_other_series_than(&self, new: &Held) -> bool {
        !self.is_empty() && !self.0.iter().any(|held| held.series == new.series)
    }

    /// Puts a list, which was found not to be older, in the place of the one of its series, and
    /// gives what went for it. What is long over goes too, and where there is no room, what ran out
    /// first.
    ///
    /// # Errors
    /// There is no room beside the others, which all hold still.
    pub(super) fn put(&mut self, new: Held, now: OffsetDateTime) -> Result<Vec<Held>, Box<Held>> {
        let is_replaced = |held: &mut Held| held.series == new.series || held.is_long_over(now);
        let mut gone: Vec<_> = self.0.extract_if(.., is_replaced).collect();
        if self.0.len() >= SERIES_MAX {
            let ran_out = self.0.iter().enumerate();
            let first = ran_out
                .filter(|(_, held)| held.has_run_out(now))
                .min_by_key(|(_, held)| held.list.next_update())
                .map(|(position, _)| position);
            match first {
                Some(first) => gone.push(self.0.remove(first)),
                None => return Err(Box::new(new)),
            }
        }
        self.0.push(new);
        Ok(gone)
    }

    /// Adds a stored list; stored lists come by their time of confirmation, the last first.
    pub(super) fn put_stored(&mut self, stored: Held) -> bool {
        let is_new = self.0.iter().all(|held| held.series != stored.series);
        let is_put = is_new && self.0.len() < SERIES_MAX;
        if is_put {
            self.0.insert(0, stored);
        }
        is_put
    }

    /// Notes that the list with this digest was given again, as the version `given`, or confirmed;
    /// none where there is none.
    pub(super) fn confirm(
        &mut self,
        sha256: &str,
        given: Option<&Validators>,
        at: OffsetDateTime,
    ) -> Option<&CrlSeries> {
        let position = self.0.iter().position(|held| held.sha256 == sha256)?;
        let mut held = self.0.remove(position);
        held.fetched_at = at;
        held.confirmations = match given {
            Some(_) => 0,
            None => held.confirmations.saturating_add(1),
        };
        if let Some(given) = given {
            held.validators = given.clone();
        }
        self.0.push(held);
        self.0.last().map(|held| &held.series)
    }
}

#[cfg(test)]
mod tests {
    use cardea_pki::Certificate;
    use cardea_pki::revocation::Crl;
    use cardea_test_pki::{AuthorityName, CrlSpec, TestPki};
    use time::ext::NumericalDuration;

    use super::Held;
    use crate::http_client::Validators;

    #[test]
    fn a_version_is_named_while_the_list_holds_and_never_by_a_date_to_come() {
        const NAME: AuthorityName = AuthorityName::FORT_PERSONNES;
        let pki = TestPki::shared().unwrap();
        let authority = pki.authority(NAME).unwrap();
        let mut spec = CrlSpec::new(NAME, pki.at());
        // A date in HTTP has whole seconds.
        let issued = time::macros::datetime!(2026-03-02 12:00 UTC);
        (spec.this_update, spec.next_update) = (issued, Some(issued + 2.days()));
        let signer = Certificate::parse(authority.certificate_der()).unwrap();
        let list = Crl::parse(&authority.crl(&spec).unwrap()).unwrap();
        let version = |modified: &str, at| {
            let validators = Validators {
                etag: Some("\"one\"".to_owned()),
                last_modified: Some(modified.to_owned()),
            };
            let held = Held::new(list.clone(), &signer, at, validators, String::new());
            let version = held.version(at);
            (version.etag.is_some(), version.last_modified.is_some())
        };
        let past = "Mon, 02 Mar 2026 12:00:00 GMT";
        assert_eq!(version(past, issued), (true, true));
        assert_eq!(version(past, issued + 2.days()), (false, false));
        let to_come = "Mon, 02 Mar 2026 12:00:01 GMT";
        assert_eq!(version(to_come, issued), (true, false));
        assert_eq!(version(to_come, issued + 1.seconds()), (true, true));
        assert_eq!(version("soon", issued), (true, false));
    }
}
