//! Name constraints where OpenSSL lets a name pass that may lie outside (RFC 5280 section
//! 4.2.1.10). OpenSSL judges all ordinary names by itself, and after this: what it refuses stays
//! refused. So a URI with user information (`http://name@example.com/`) is permitted by no
//! subtree, although its host may lie in one: OpenSSL takes the user for a part of the host.

use crate::certificate::NameForms;
use crate::{Certificate, Error, Position};

/// Most pairs of a name and a subtree on one path. OpenSSL has the same bound for each pair of
/// certificates, and no code of its own for it.
const COMPARISONS_MAX: usize = 1 << 20;

/// Refuses subtrees and names that are not of their form, wildcards that reach into an excluded
/// subtree, URIs whose host is in no subtree or cannot be, and more names than can be compared.
pub(super) fn check(candidate: &[Certificate]) -> Result<(), Error> {
    let mut comparisons_left = COMPARISONS_MAX;
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
            if below != 0 && certificate.subject() == certificate.issuer() {
                continue;
            }
            let names = certificate.name_forms();
            let attributes = certificate.subject().relative_names().flatten().count();
            let comparisons = attributes
                .saturating_add(names.names_count)
                .saturating_mul(constraints.subtrees_count);
            let left = comparisons_left.checked_sub(comparisons);
            comparisons_left = left.unwrap_or_default();
            if left.is_none() || may_lie_outside(names, constraints) {
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
    names.has_malformed_name
        || names.wildcard_domains.iter().any(reaches)
        || names
            .uri_hosts
            .iter()
            .any(|host| is_uri_outside(host.as_deref(), constraints))
}

/// Where a subtree is of URIs, a URI without a domain name in full for its host is refused,
/// whether the subtree is permitted or excluded.
fn is_uri_outside(host: Option<&str>, constraints: &NameForms) -> bool {
    let (permitted, excluded) = (&constraints.permitted_uris, &constraints.excluded_uris);
    if permitted.is_empty() && excluded.is_empty() {
        return false;
    }
    let Some(host) = host else {
        return true;
    };
    let holds = |subtree: &String| match subtree.starts_with('.') {
        true => host.ends_with(subtree.as_str()),
        false => host == subtree,
    };
    excluded.iter().any(holds) || (!permitted.is_empty() && !permitted.iter().any(holds))
}

/// Whether `domain` is `parent` with one label more, as a wildcard's matches are.
fn is_directly_below(domain: &str, parent: &str) -> bool {
    domain
        .strip_suffix(parent)
        .and_then(|label| label.strip_suffix('.'))
        .is_some_and(|label| !label.is_empty() && !label.contains('.'))
}
