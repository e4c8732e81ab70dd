//! Whether a list is one to keep: of the issuer and kind that were asked for, signed, and not older
//! than what was seen.

use cardea_pki::revocation::{Crl, CrlNumbersSeen};
use cardea_pki::{Certificate, Error};

use super::Shared;
use crate::revocation_fetch::address::{Address, Kind};

impl Shared {
    /// Checks whose list it is and that no later one was seen, remembers its own number, and gives
    /// the certificate whose key signed it.
    ///
    /// It may be signed by the issuer, by an issuer's other key, or for it by another authority
    /// (RFC 5280 section 5: indirect lists), as long as that one is configured for the same anchor.
    ///
    /// The caller holds the lock of `numbers_seen` until the list is in its place, so that nobody
    /// sees its number while an older list is still at hand. What is done meanwhile is short: the
    /// megabytes were digested when the list was read.
    pub(super) fn verify(
        &self,
        list: &Crl,
        address: &Address,
        numbers_seen: &mut CrlNumbersSeen,
    ) -> Result<Certificate, Error> {
        check_fits(list, address)?;
        let issuer = address.issuer();
        let own = self.anchors.get();
        let authorities = own
            .iter()
            .filter(|anchor| anchor.name == address.rules())
            .flat_map(|anchor| &anchor.authorities);
        let mut refusal = None;
        for signer in std::iter::once(issuer).chain(authorities) {
            match CrlNumbersSeen::default().note(list, signer) {
                Ok(()) => {
                    numbers_seen.note(list, signer)?;
                    return Ok(signer.clone());
                }
                Err(error) => refusal = refusal.or(Some(error)),
            }
        }
        Err(refusal.unwrap_or(Error::CrlMalformed("nobody may have signed it")))
    }
}

/// A list that cannot say what is asked for here must not fill a place, however genuine.
fn check_fits(list: &Crl, address: &Address) -> Result<(), Error> {
    if Kind::of(list) != address.kind() {
        return Err(Error::CrlMalformed(match address.kind() {
            Kind::Complete => "it is a delta list where a complete one is published",
            Kind::Delta => "it is a complete list where delta lists are published",
        }));
    }
    if !list.is_indirect() && !list.names_issuer(address.issuer())? {
        return Err(Error::CrlMalformed("it is another authority's list"));
    }
    Ok(())
}
