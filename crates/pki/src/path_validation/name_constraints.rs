//! Name constraints where OpenSSL lets a name pass that may lie outside (RFC 5280 section
//! 4.2.1.10). OpenSSL judges all ordinary names by itself.

use crate::certificate::NameForms;
use crate::{Certificate, Error, Position};

/// Refuses subtrees and names that are not of their form, and wildcards that reach into an
/// excluded subtree.
pub(super) fn check(candidate: &[Certificate]) -> Result<(), Error> {
    for (depth, issuer) in candidate.iter().enumerate().skip(1) {
        let constraints = issuer.name_forms();
        if !constraints.has_constraints {
            continue;
        }
        if constraints.has_malformed_constraint {
            return Err(Error::NameConstraintViolated {
                position: Position::from_depth(depth),
            });
        }
        for (below, certificate) in candidate.iter().enumerate().take(depth) {
            // Self-issued certificates are exempt, unless last (RFC 5280 section 6.1.3 (b)).
            let is_exempt = below != 0 && certificate.subject() == certificate.issuer();
            if !is_exempt && may_lie_outside(certificate.name_forms(), constraints) {
                return Err(Error::NameConstraintViolated {
                    position: Position::from_depth(below),
                });
            }
        }
    }
    Ok(())
}

fn may_lie_outside(names: &NameForms, constraints: &NameForms) -> bool {
    let reaches = |domain: &String| {
        constraints
            .excluded_domains
            .iter()
            .any(|excluded| is_directly_below(excluded, domain))
    };
    names.has_malformed_name || names.wildcard_domains.iter().any(reaches)
}

/// Whether `domain` is `parent` with one label more, as a wildcard's matches are.
fn is_directly_below(domain: &str, parent: &str) -> bool {
    domain
        .strip_suffix(parent)
        .and_then(|label| label.strip_suffix('.'))
        .is_some_and(|label| !label.is_empty() && !label.contains('.'))
}
