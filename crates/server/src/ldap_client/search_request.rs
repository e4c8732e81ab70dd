//! An LDAP address read into a search for one attribute of one entry (RFC 4516).

use std::borrow::Cow;

use url::Url;

use crate::ldap_client::LdapError;

/// The attributes that hold CRLs (RFC 4523 section 2), the only ones ever asked for.
const ATTRIBUTES: [&str; 3] = [
    "certificateRevocationList",
    "authorityRevocationList",
    "deltaRevocationList",
];
/// Their values travel as they are, without a string form (RFC 4522).
const BINARY_OPTION: &str = ";binary";
/// Longest name of an entry, in bytes after decoding.
const BASE_BYTES_MAX: usize = 1024;

/// Plain or inside TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    /// Port 389 unless named.
    Ldap,
    /// Port 636 unless named.
    Ldaps,
}

/// Where to ask, and for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SearchRequest {
    pub(super) scheme: Scheme,
    pub(super) host: String,
    pub(super) port: u16,
    /// The entry's distinguished name in its string form (RFC 4514).
    pub(super) base: String,
    /// The attribute with its `;binary` option.
    pub(super) attribute: String,
}

impl SearchRequest {
    /// Reads an address: `ldap://host[:port]/dn?attribute[;binary][?base[?filter[?extensions]]]`.
    ///
    /// A filter is ignored: with the base scope it could only hide the one entry that was named.
    /// An extension marked critical is refused, as RFC 4516 section 2 demands.
    ///
    /// # Errors
    /// [`LdapError::AddressRefused`].
    pub(super) fn parse(url: &Url) -> Result<Self, LdapError> {
        let (scheme, default_port) = match url.scheme() {
            "ldap" => (Scheme::Ldap, 389),
            "ldaps" => (Scheme::Ldaps, 636),
            _ => return Err(refused("the scheme is neither ldap nor ldaps")),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused("it carries credentials"));
        }
        // No host would mean a server of our own choice (RFC 5280 section 4.2.1.13).
        let host = url.host().ok_or(refused("it names no host"))?;
        let host = match host {
            url::Host::Ipv6(address) => address.to_string(),
            other => other.to_string().to_ascii_lowercase(),
        };
        let base = decoded(url.path().strip_prefix('/').unwrap_or_default())?;
        if base.is_empty() || base.len() > BASE_BYTES_MAX {
            return Err(refused("the entry's name is empty or too long"));
        }
        let mut parts = url.query().unwrap_or_default().split('?');
        let attribute = attribute(&decoded(parts.next().unwrap_or_default())?)?;
        let scope = parts.next().unwrap_or_default();
        if !scope.is_empty() && !scope.eq_ignore_ascii_case("base") {
            return Err(refused("the scope is not one entry"));
        }
        let extensions = parts.nth(1).unwrap_or_default();
        if extensions.split(',').any(|name| name.starts_with('!')) {
            return Err(refused("it has a critical extension"));
        }
        if parts.next().is_some() || url.fragment().is_some() {
            return Err(refused("it has more parts than RFC 4516 knows"));
        }
        Ok(Self {
            scheme,
            host,
            port: url.port().unwrap_or(default_port),
            base,
            attribute,
        })
    }
}

fn attribute(description: &str) -> Result<String, LdapError> {
    let (name, option) = description.split_at(description.find(';').unwrap_or(description.len()));
    let known = ATTRIBUTES
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(name))
        .ok_or(refused("it does not name one attribute of CRLs"))?;
    if !option.is_empty() && !option.eq_ignore_ascii_case(BINARY_OPTION) {
        return Err(refused("the attribute has an unknown option"));
    }
    Ok(format!("{known}{BINARY_OPTION}"))
}

fn decoded(text: &str) -> Result<String, LdapError> {
    let text = percent_encoding::percent_decode_str(text)
        .decode_utf8()
        .map(Cow::into_owned)
        .map_err(|_| refused("it is not UTF-8"))?;
    if text.chars().any(char::is_control) {
        return Err(refused("it has control characters"));
    }
    Ok(text)
}

fn refused(reason: &'static str) -> LdapError {
    LdapError::AddressRefused { reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELTA: &str = "ldap://annuaire.example/cn=AC%20IGC-SANTE%20FORT%20PERSONNES%20TEST,\
        ou=AC%20RACINE%5C,%20TEST,o=ASIP%2DSANTE,c=FR?deltarevocationlist;binary?base?objectClass=pkiCA";

    fn parse(text: &str) -> Result<SearchRequest, LdapError> {
        SearchRequest::parse(&Url::parse(text).unwrap())
    }

    #[test]
    fn names_with_encoded_spaces_and_commas_are_decoded_once() {
        let request = parse(DELTA).unwrap();
        assert_eq!(
            request.base,
            "cn=AC IGC-SANTE FORT PERSONNES TEST,ou=AC RACINE\\, TEST,o=ASIP-SANTE,c=FR"
        );
        assert_eq!(request.attribute, "deltaRevocationList;binary");
        assert_eq!(
            (request.host.as_str(), request.port),
            ("annuaire.example", 389)
        );
        let twice = parse("ldap://h/cn=a%2520b?deltaRevocationList").unwrap();
        assert_eq!(twice.base, "cn=a%20b");
    }

    #[test]
    fn commas_may_be_encoded_as_well() {
        let request = parse("ldap://h/cn%3DAC%2Co%3DX?certificateRevocationList").unwrap();
        assert_eq!(request.base, "cn=AC,o=X");
        assert_eq!(request.attribute, "certificateRevocationList;binary");
    }

    #[test]
    fn ports_and_literal_addresses_are_read() {
        let request = parse("ldaps://[::1]/cn=A?authorityRevocationList;binary").unwrap();
        assert_eq!((request.scheme, request.port), (Scheme::Ldaps, 636));
        assert_eq!(request.host, "::1");
        assert_eq!(
            parse("LDAP://H:1389/cn=A?deltaRevocationList")
                .unwrap()
                .port,
            1389
        );
    }

    #[test]
    fn addresses_that_break_one_rule_are_refused() {
        let long = format!(
            "ldap://h/cn={}?deltaRevocationList",
            "a".repeat(BASE_BYTES_MAX)
        );
        assert!(parse("ldap://h/cn=A?deltaRevocationList?base??e-oid=1").is_ok());
        for text in [
            "http://h/cn=A?deltaRevocationList",
            "ldap:///cn=A?deltaRevocationList",
            "ldap://user:secret@h/cn=A?deltaRevocationList",
            "ldap://h/?deltaRevocationList",
            "ldap://h/cn=A",
            "ldap://h/cn=A?",
            "ldap://h/cn=A?userPassword",
            "ldap://h/cn=A?deltaRevocationList,certificateRevocationList",
            "ldap://h/cn=A?deltaRevocationList;lang-fr",
            "ldap://h/cn=A?deltaRevocationList?sub",
            "ldap://h/cn=A?deltaRevocationList?one",
            "ldap://h/cn=A?deltaRevocationList?base??!x=1",
            "ldap://h/cn=A?deltaRevocationList?base??a=1?more",
            "ldap://h/cn=A?deltaRevocationList#part",
            "ldap://h/cn=%FF?deltaRevocationList",
            "ldap://h/cn=A%00?deltaRevocationList",
            long.as_str(),
        ] {
            let refusal = parse(text).unwrap_err();
            assert!(
                matches!(refusal, LdapError::AddressRefused { .. }),
                "{text}"
            );
        }
    }
}
