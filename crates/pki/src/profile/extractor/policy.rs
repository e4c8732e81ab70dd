//! Certificate policies as marks of what kind of certificate it is.

use crate::{Certificate, Oid};

/// The one listed policy that the certificate itself states.
///
/// The certificate's own statement and not the path's: issuers use policies as marks of a
/// certificate's kind and do not repeat these marks in their authorities' certificates. The
/// path's issuer has signed the statement. A profile whose authorities do grant them says
/// `policy_on_path`, and then both must say so.
pub(super) fn value_of(
    certificate: &Certificate,
    listed: &[Oid],
) -> Result<Option<String>, &'static str> {
    let mut stated = certificate
        .policies()
        .iter()
        .filter(|policy| listed.contains(policy));
    match (stated.next(), stated.next()) {
        (None, _) => Ok(None),
        (Some(policy), None) => Ok(Some(policy.to_string())),
        (Some(_), Some(_)) => Err("it states two certificate policies of which one may stand"),
    }
}
