//! What names a certificate bears and constrains, as far as OpenSSL does not judge them
//! (RFC 5280 sections 4.2.1.6 and 4.2.1.10).

use x509_parser::extensions::{GeneralName, NameConstraints, SubjectAlternativeName};

/// The forms of alternative names and of name constraints; domains are in lower case.
#[derive(Default)]
pub(crate) struct NameForms {
    /// The subject alternative name is there and critical.
    pub(crate) has_critical_alternative_name: bool,
    /// An alternative name is not of its form, so that nobody can say which subtree holds it.
    pub(crate) has_malformed_name: bool,
    /// `example.com` for an alternative name of `*.example.com`.
    pub(crate) wildcard_domains: Vec<String>,
    /// The name constraints extension is there.
    pub(crate) has_constraints: bool,
    /// A subtree is not of its form, so that nobody can say what it holds.
    pub(crate) has_malformed_constraint: bool,
    /// Excluded subtrees of domain names.
    pub(crate) excluded_domains: Vec<String>,
}

impl NameForms {
    pub(super) fn read_names(&mut self, names: &SubjectAlternativeName<'_>, critical: bool) {
        self.has_critical_alternative_name = critical;
        for name in &names.general_names {
            self.has_malformed_name |= !is_name(name);
            if let GeneralName::DNSName(domain) = name
                && let Some(parent) = domain.strip_prefix("*.")
            {
                self.wildcard_domains.push(parent.to_ascii_lowercase());
            }
        }
    }

    pub(super) fn read_constraints(&mut self, constraints: &NameConstraints<'_>) {
        self.has_constraints = true;
        let permitted = constraints.permitted_subtrees.iter().flatten();
        let excluded = constraints.excluded_subtrees.iter().flatten();
        for subtree in permitted.chain(excluded.clone()) {
            self.has_malformed_constraint |= !is_subtree(&subtree.base);
        }
        for subtree in excluded {
            if let GeneralName::DNSName(domain) = subtree.base {
                self.excluded_domains.push(domain.to_ascii_lowercase());
            }
        }
    }
}

fn is_name(name: &GeneralName<'_>) -> bool {
    match name {
        GeneralName::DNSName(domain) => domain.split('.').all(|label| !label.is_empty()),
        GeneralName::RFC822Name(mailbox) => is_mailbox(mailbox),
        GeneralName::IPAddress(address) => matches!(address.len(), 4 | 16),
        GeneralName::Invalid(..) => false,
        _ => true,
    }
}

/// A leading period is for URIs; domains name the top of their subtree itself, and an empty one
/// is the top of all.
fn is_subtree(base: &GeneralName<'_>) -> bool {
    match base {
        GeneralName::DNSName("") => true,
        GeneralName::DNSName(domain) => domain
            .split('.')
            .all(|label| !label.is_empty() && !label.contains('*')),
        GeneralName::RFC822Name(mailbox) => !mailbox.contains('@') || is_mailbox(mailbox),
        GeneralName::IPAddress(network) => matches!(network.len(), 8 | 32),
        GeneralName::Invalid(..) => false,
        _ => true,
    }
}

/// A quoted local part may hold an `@` of its own (RFC 5321 section 4.1.2).
fn is_mailbox(text: &str) -> bool {
    text.starts_with('"') || text.matches('@').count() == 1
}

#[cfg(test)]
mod tests {
    use super::{is_name, is_subtree};
    use x509_parser::extensions::GeneralName;

    #[test]
    fn names_and_subtrees_have_forms_of_their_own() {
        for (name, as_name, as_subtree) in [
            (GeneralName::DNSName("www.example.test"), true, true),
            (GeneralName::DNSName("*.example.test"), true, false),
            (GeneralName::DNSName(".example.test"), false, false),
            (GeneralName::DNSName("a..test"), false, false),
            (GeneralName::DNSName(""), false, true),
            (GeneralName::RFC822Name("camille@example.test"), true, true),
            (GeneralName::RFC822Name("\"a@b\"@example.test"), true, true),
            (GeneralName::RFC822Name("a@b@example.test"), false, false),
            (GeneralName::RFC822Name("example.test"), false, true),
            (GeneralName::RFC822Name(".example.test"), false, true),
            (GeneralName::IPAddress(&[192, 0, 2, 1]), true, false),
            (
                GeneralName::IPAddress(&[192, 0, 2, 0, 255, 255, 255, 0]),
                false,
                true,
            ),
            (GeneralName::URI("http://.example.test"), true, true),
        ] {
            assert_eq!(is_name(&name), as_name, "name {name:?}");
            assert_eq!(is_subtree(&name), as_subtree, "subtree {name:?}");
        }
    }
}
