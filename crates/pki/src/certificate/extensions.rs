//! The extensions of a certificate that decisions depend on (RFC 5280 section 4.2).

use super::name_forms::NameForms;
use crate::{Error, KeyUsage, Oid};
use std::collections::HashSet;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{
    AuthorityInfoAccess, CRLDistributionPoints, DistributionPointName, ExtendedKeyUsage,
    GeneralName, ParsedExtension,
};
use x509_parser::oid_registry as registry;
use x509_parser::prelude::FromDer;

/// Most addresses of one kind that are read from one certificate.
const URLS_MAX: usize = 8;
/// Most bytes of one address.
const URL_BYTES_MAX: usize = 2048;
const FRESHEST_CRL: &str = "2.5.29.46";

/// An extension whose meaning belongs to a card profile.
pub(crate) struct PrivateExtension {
    pub(crate) oid: Oid,
    /// The contents of `extnValue`.
    pub(crate) value: Vec<u8>,
}

#[derive(Default)]
pub(super) struct Extensions {
    pub(super) key_usage: Option<KeyUsage>,
    pub(super) extended_key_usage: Option<Vec<Oid>>,
    pub(super) policies: Vec<Oid>,
    pub(super) is_authority: bool,
    pub(super) name_forms: NameForms,
    pub(super) subject_key_identifier: Option<Vec<u8>>,
    pub(super) authority_key_identifier: Option<Vec<u8>>,
    pub(super) crl_urls: Vec<String>,
    pub(super) crl_points_der: Option<Vec<u8>>,
    pub(super) freshest_crl_urls: Vec<String>,
    pub(super) ocsp_urls: Vec<String>,
    pub(super) issuer_urls: Vec<String>,
    pub(super) private: Vec<PrivateExtension>,
}

/// Reads the extensions. Unknown critical ones are left to OpenSSL's path validation, which
/// refuses them in their place on the path.
pub(super) fn parse(certificate: &X509Certificate<'_>) -> Result<Extensions, Error> {
    let mut extensions = Extensions::default();
    let mut seen = HashSet::new();
    for extension in certificate.extensions() {
        if !seen.insert(&extension.oid) {
            return Err(Error::CertificateMalformed("an extension is repeated"));
        }
        match extension.parsed_extension() {
            ParsedExtension::UnsupportedExtension { .. } => {
                extensions.read_unknown(Oid::from_parsed(&extension.oid), extension.value)?;
            }
            ParsedExtension::ParseError { .. } => {
                return Err(Error::CertificateMalformed("an extension is not readable"));
            }
            known => {
                if matches!(known, ParsedExtension::CRLDistributionPoints(_)) {
                    extensions.crl_points_der = Some(extension.value.to_vec());
                }
                if let ParsedExtension::SubjectAlternativeName(names) = known {
                    extensions.name_forms.read_names(names, extension.critical);
                }
                extensions.read(known);
            }
        }
    }
    Ok(extensions)
}

impl Extensions {
    fn read(&mut self, extension: &ParsedExtension<'_>) {
        match extension {
            ParsedExtension::KeyUsage(usage) => {
                self.key_usage = Some(KeyUsage::from_bits(usage.flags));
            }
            ParsedExtension::ExtendedKeyUsage(usage) => {
                self.extended_key_usage = Some(purposes(usage));
            }
            ParsedExtension::CertificatePolicies(policies) => {
                self.policies = policies
                    .iter()
                    .map(|policy| Oid::from_parsed(&policy.policy_id))
                    .collect();
            }
            ParsedExtension::BasicConstraints(constraints) => self.is_authority = constraints.ca,
            ParsedExtension::SubjectKeyIdentifier(identifier) => {
                self.subject_key_identifier = Some(identifier.0.to_vec());
            }
            ParsedExtension::AuthorityKeyIdentifier(identifier) => {
                self.authority_key_identifier = identifier
                    .key_identifier
                    .as_ref()
                    .map(|identifier| identifier.0.to_vec());
            }
            ParsedExtension::CRLDistributionPoints(points) => {
                self.crl_urls = distribution_urls(points);
            }
            ParsedExtension::AuthorityInfoAccess(access) => self.read_access(access),
            ParsedExtension::NameConstraints(constraints) => {
                self.name_forms.read_constraints(constraints);
            }
            _ => {}
        }
    }

    fn read_unknown(&mut self, oid: Oid, value: &[u8]) -> Result<(), Error> {
        if oid == FRESHEST_CRL {
            let (_, points) = CRLDistributionPoints::from_der(value)
                .map_err(|_| Error::CertificateMalformed("an extension is not readable"))?;
            self.freshest_crl_urls = distribution_urls(&points);
        } else {
            self.private.push(PrivateExtension {
                oid,
                value: value.to_vec(),
            });
        }
        Ok(())
    }

    fn read_access(&mut self, access: &AuthorityInfoAccess<'_>) {
        for description in access.iter() {
            let urls = if description.access_method == registry::OID_PKIX_ACCESS_DESCRIPTOR_OCSP {
                &mut self.ocsp_urls
            } else if description.access_method == registry::OID_PKIX_ACCESS_DESCRIPTOR_CA_ISSUERS {
                &mut self.issuer_urls
            } else {
                continue;
            };
            push_url(urls, &description.access_location);
        }
    }
}

fn purposes(usage: &ExtendedKeyUsage<'_>) -> Vec<Oid> {
    let named = [
        (usage.any, "2.5.29.37.0"),
        (usage.server_auth, "1.3.6.1.5.5.7.3.1"),
        (usage.client_auth, crate::key_usage::CLIENT_AUTH),
        (usage.code_signing, "1.3.6.1.5.5.7.3.3"),
        (usage.email_protection, "1.3.6.1.5.5.7.3.4"),
        (usage.time_stamping, "1.3.6.1.5.5.7.3.8"),
        (usage.ocsp_signing, crate::key_usage::OCSP_SIGNING),
    ];
    let known = named
        .into_iter()
        .filter(|(present, _)| *present)
        .filter_map(|(_, oid)| Oid::parse(oid));
    known
        .chain(usage.other.iter().map(Oid::from_parsed))
        .collect()
}

/// Points that name their CRL's issuer speak of indirect CRLs; their addresses serve all the same.
fn distribution_urls(points: &CRLDistributionPoints<'_>) -> Vec<String> {
    let mut urls = Vec::new();
    for point in points.iter() {
        if let Some(DistributionPointName::FullName(names)) = &point.distribution_point {
            names.iter().for_each(|name| push_url(&mut urls, name));
        }
    }
    urls
}

fn push_url(urls: &mut Vec<String>, name: &GeneralName<'_>) {
    if let GeneralName::URI(url) = name
        && urls.len() < URLS_MAX
        && url.len() <= URL_BYTES_MAX
    {
        urls.push((*url).to_owned());
    }
}
