//! What ties the answer on the confirmation page to one login and one certificate.
//!
//! It is a tag and no record: every node knows it again, and it ends with the login that it names.
//! A page of another site cannot read it, and one that was made for another card opens nothing.

use cardea_jose::{base64url, constant_time_eq, sha256_base64url};
use cardea_pki::Certificate;

use crate::{Error, Provider};

const LABEL: &str = "cardea agentless confirmation 1";

impl Provider {
    /// The tag for one login and one certificate.
    pub(super) fn confirmation_of(
        &self,
        request_id: &str,
        certificate: &Certificate,
    ) -> Result<String, Error> {
        let key = self.keys().challenge_key.derive_mac_key(LABEL)?;
        // Neither part can hold a line feed.
        let card = sha256_base64url(certificate.der());
        let tag = key.tag(format!("{request_id}\n{card}").as_bytes())?;
        Ok(base64url(&tag))
    }

    pub(super) fn check_confirmation(
        &self,
        request_id: &str,
        certificate: &Certificate,
        presented: &str,
    ) -> Result<(), Error> {
        let expected = self.confirmation_of(request_id, certificate)?;
        match constant_time_eq(expected.as_bytes(), presented.as_bytes()) {
            true => Ok(()),
            false => Err(Error::AgentlessConfirmationMismatch),
        }
    }
}
