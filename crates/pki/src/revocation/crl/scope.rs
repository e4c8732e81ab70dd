//! Which certificates a list speaks for (RFC 5280 section 5.2.5).

use crate::{Certificate, Error};
use std::collections::HashSet;
use x509_parser::extensions::{
    DistributionPointName, GeneralName, IssuingDistributionPoint, ParsedExtension,
};
use x509_parser::revocation_list::CertificateRevocationList;

/// The scope of a complete list; the default is every certificate of its issuer.
#[derive(Default)]
pub(super) struct Scope {
    only_end_entities: bool,
    only_authorities: bool,
    /// The list's own distribution point, when it names one.
    point_urls: Option<Vec<String>>,
    der: Vec<u8>,
}

impl Scope {
    /// Whether `certificate` is in scope (RFC 5280 section 6.3.3 (b)(2)).
    pub(super) fn covers(&self, certificate: &Certificate) -> bool {
        let kind_fits = if certificate.is_authority() {
            !self.only_end_entities
        } else {
            !self.only_authorities
        };
        let point_fits = self.point_urls.as_ref().is_none_or(|urls| {
            urls.iter()
                .any(|url| certificate.crl_distribution_points().contains(url))
        });
        kind_fits && point_fits
    }

    /// The extension's bytes, empty when absent.
    pub(super) fn der(&self) -> &[u8] {
        &self.der
    }
}

/// Reads the list's extensions: its scope, and a reason why the list cannot be used at all.
///
/// Indirect lists, delta lists, lists for some reasons only and any other critical extension are
/// not used: no status may be read from what is not understood (RFC 5280 section 5.2).
pub(super) fn read(
    list: &CertificateRevocationList<'_>,
) -> Result<(Scope, Option<&'static str>), Error> {
    let mut scope = Scope::default();
    let mut unusable = None;
    let mut seen = HashSet::new();
    for extension in list.extensions() {
        if !seen.insert(&extension.oid) {
            return Err(Error::CrlMalformed("an extension is repeated"));
        }
        match extension.parsed_extension() {
            ParsedExtension::IssuingDistributionPoint(point) => {
                scope.der = extension.value.to_vec();
                unusable = unusable.or(scope.read_point(point));
            }
            ParsedExtension::AuthorityKeyIdentifier(_)
            | ParsedExtension::CRLNumber(_)
            | ParsedExtension::IssuerAlternativeName(_) => {}
            ParsedExtension::ParseError { .. } => {
                return Err(Error::CrlMalformed("an extension is not readable"));
            }
            _ if extension.critical => unusable = Some("a critical extension is unknown"),
            _ => {}
        }
    }
    Ok((scope, unusable))
}

impl Scope {
    fn read_point(&mut self, point: &IssuingDistributionPoint<'_>) -> Option<&'static str> {
        self.only_end_entities = point.only_contains_user_certs;
        self.only_authorities = point.only_contains_ca_certs;
        if point.indirect_crl {
            return Some("it is an indirect list");
        }
        if point.only_contains_attribute_certs {
            return Some("it is for attribute certificates");
        }
        if point.only_some_reasons.is_some() {
            return Some("it is for some reasons only");
        }
        match &point.distribution_point {
            None => None,
            Some(DistributionPointName::FullName(names)) => {
                let urls = names.iter().filter_map(|name| match name {
                    GeneralName::URI(url) => Some((*url).to_owned()),
                    _ => None,
                });
                self.point_urls = Some(urls.collect());
                None
            }
            Some(DistributionPointName::NameRelativeToCRLIssuer(_)) => {
                Some("its distribution point is named relative to the issuer")
            }
        }
    }
}
