//! Which certificates a list speaks for (RFC 5280 section 5.2).

use crate::{Certificate, Error};
use std::collections::HashSet;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::IssuingDistributionPoint;
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_parser::extensions::{ParsedExtension, X509Extension};
use x509_parser::oid_registry::OID_X509_EXT_ISSUER_DISTRIBUTION_POINT;
use x509_parser::revocation_list::CertificateRevocationList;

const DELTA_CRL_INDICATOR: &str = "2.5.29.27";

/// What may be read out of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Use {
    /// An entry means revoked, no entry means not revoked.
    #[default]
    Complete,
    /// An entry means revoked; no entry means nothing. Delta lists, lists for some reasons only.
    EntriesOnly,
    /// Nothing at all: something critical is not understood (RFC 5280 section 5.2).
    Nothing,
}

/// The scope of a list; the default is every certificate of its issuer.
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

/// Reads the list's extensions: its scope, and what may be read out of it.
pub(super) fn read(list: &CertificateRevocationList<'_>) -> Result<(Scope, Use), Error> {
    let mut scope = Scope::default();
    let mut usable = Use::Complete;
    let mut seen = HashSet::new();
    for extension in list.extensions() {
        if !seen.insert(&extension.oid) {
            return Err(Error::CrlMalformed("an extension is repeated"));
        }
        usable = usable.max(scope.read_extension(extension)?);
    }
    Ok((scope, usable))
}

impl Scope {
    fn read_extension(&mut self, extension: &X509Extension<'_>) -> Result<Use, Error> {
        let unreadable = Error::CrlMalformed("an extension is not readable");
        // x509-parser reads a point that is named relative to the issuer as no point at all, so
        // this extension goes to the stricter decoder.
        if extension.oid == OID_X509_EXT_ISSUER_DISTRIBUTION_POINT {
            let point =
                IssuingDistributionPoint::from_der(extension.value).map_err(|_| unreadable)?;
            extension.value.clone_into(&mut self.der);
            return Ok(self.read_point(&point));
        }
        Ok(match extension.parsed_extension() {
            ParsedExtension::AuthorityKeyIdentifier(_)
            | ParsedExtension::CRLNumber(_)
            | ParsedExtension::IssuerAlternativeName(_) => Use::Complete,
            ParsedExtension::ParseError { .. } => return Err(unreadable),
            _ if extension.oid.to_id_string() == DELTA_CRL_INDICATOR => Use::EntriesOnly,
            _ if extension.critical => Use::Nothing,
            _ => Use::Complete,
        })
    }

    /// Indirect lists and points that are not named by address are not understood here.
    fn read_point(&mut self, point: &IssuingDistributionPoint) -> Use {
        self.only_end_entities = point.only_contains_user_certs;
        self.only_authorities = point.only_contains_ca_certs;
        if point.indirect_crl || point.only_contains_attribute_certs {
            return Use::Nothing;
        }
        match &point.distribution_point {
            None => {}
            Some(DistributionPointName::FullName(names)) => {
                let urls = names.iter().filter_map(|name| match name {
                    GeneralName::UniformResourceIdentifier(url) => Some(url.to_string()),
                    _ => None,
                });
                self.point_urls = Some(urls.collect());
            }
            Some(DistributionPointName::NameRelativeToCRLIssuer(_)) => return Use::Nothing,
        }
        match point.only_some_reasons {
            None => Use::Complete,
            Some(_) => Use::EntriesOnly,
        }
    }
}
