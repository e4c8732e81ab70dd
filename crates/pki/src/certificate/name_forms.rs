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
    /// For each alternative name that is a URI its host, where that is a domain name in full.
    pub(crate) uri_hosts: Vec<Option<String>>,
    /// Permitted subtrees of URIs: a host, or a leading period and a domain.
    pub(crate) permitted_uris: Vec<String>,
    /// Excluded subtrees of URIs.
    pub(crate) excluded_uris: Vec<String>,
    /// How many alternative names there are.
    pub(crate) names_count: usize,
    /// How many subtrees there are.
    pub(crate) subtrees_count: usize,
}

impl NameForms {
    pub(super) fn read_names(&mut self, names: &SubjectAlternativeName<'_>, critical: bool) {
        self.has_critical_alternative_name = critical;
        for name in &names.general_names {
            self.names_count += 1;
            self.has_malformed_name |= !is_name(name);
            match name {
                GeneralName::DNSName(domain) => {
                    let parent = domain.strip_prefix("*.");
                    self.wildcard_domains
                        .extend(parent.map(str::to_ascii_lowercase));
                }
                GeneralName::URI(uri) => self.uri_hosts.push(host_of(uri)),
                _ => {}
            }
        }
    }

    pub(super) fn read_constraints(&mut self, constraints: &NameConstraints<'_>) {
        self.has_constraints = true;
        let permitted = constraints.permitted_subtrees.iter().flatten();
        let excluded = constraints.excluded_subtrees.iter().flatten();
        for subtree in permitted.clone().chain(excluded.clone()) {
            self.subtrees_count += 1;
            self.has_malformed_constraint |= !is_subtree(&subtree.base);
        }
        for subtree in permitted {
            if let GeneralName::URI(host) = subtree.base {
                self.permitted_uris.push(host.to_ascii_lowercase());
            }
        }
        for subtree in excluded {
            match subtree.base {
                GeneralName::DNSName(domain) => {
                    self.excluded_domains.push(domain.to_ascii_lowercase());
                }
                GeneralName::URI(host) => self.excluded_uris.push(host.to_ascii_lowercase()),
                _ => {}
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

/// The host of a URI in lower case, where it is a domain name in full (RFC 3986 section 3.2): no
/// address, no single label, and nothing written in a way that compares unequal to itself, such as
/// with percent signs or a period at the end.
fn host_of(uri: &str) -> Option<String> {
    let (_, after_scheme) = uri.split_once(':')?;
    let rest = after_scheme.strip_prefix("//")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host_and_port = authority
        .rsplit_once('@')
        .map_or(authority, |(_, after)| after);
    let host = host_and_port
        .split_once(':')
        .map_or(host_and_port, |(host, _)| host);
    let (_, last) = host.rsplit_once('.')?;
    let is_label = |label: &str| {
        let mut bytes = label.bytes();
        !label.is_empty() && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    // What ends in a number is read as an address, in whatever way it is written.
    let is_name =
        host.split('.').all(is_label) && last.starts_with(|c: char| c.is_ascii_alphabetic());
    is_name.then(|| host.to_ascii_lowercase())
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
    use super::{host_of, is_name, is_subtree};
    use x509_parser::extensions::GeneralName;

    #[test]
    fn the_host_of_a_uri_is_a_domain_name_in_full_or_nothing() {
        for (uri, host) in [
            ("http://Example.TEST", Some("example.test")),
            ("http://a.example.test:8080/x?y#z", Some("a.example.test")),
            ("http://a@b:c@example.test/", Some("example.test")),
            ("http://good.test:x@evil.test", Some("evil.test")),
            ("http://evil.test/@good.test", Some("evil.test")),
            ("http://evil.test?@good.test", Some("evil.test")),
            ("http://192.0.2.1/", None),
            ("http://0xc0.0x00.0x02.0x01/", None),
            ("http://[2001:db8::1]/", None),
            ("http://[2001:db8::1.example.test]/", None),
            ("http://intranet/", None),
            ("http://example.test./", None),
            ("http://ex%61mple.test/", None),
            ("http://.example.test/", None),
            ("http:///example.test", None),
            ("http://", None),
            ("urn:uuid:00000000-0000-0000-0000-000000000000", None),
            ("mailto:camille@example.test", None),
            ("example.test", None),
        ] {
            assert_eq!(host_of(uri).as_deref(), host, "{uri}");
        }
    }

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
