//! The extensions of a list (RFC 5280 section 5.2).

use super::fields::RawExtension;
use super::number::CrlNumber;
use super::scope::Scope;
use crate::Error;
use x509_cert::der::asn1::{ObjectIdentifier, UintRef};
use x509_cert::der::{self, Decode};
use x509_cert::ext::pkix::crl::IssuingDistributionPoint;
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_cert::ext::pkix::{AuthorityKeyIdentifier, FreshestCrl};

const ISSUER_ALTERNATIVE_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.18");
const CRL_NUMBER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.20");
const DELTA_CRL_INDICATOR: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.27");
const ISSUING_DISTRIBUTION_POINT: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.28");
const AUTHORITY_KEY_IDENTIFIER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.35");
const FRESHEST_CRL: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.46");

/// Most addresses of delta lists that are read from one list.
const FRESHEST_URLS_MAX: usize = 8;

/// What the extensions of a list say.
#[derive(Default)]
pub(super) struct Extensions {
    pub(super) number: Option<CrlNumber>,
    pub(super) base_number: Option<CrlNumber>,
    pub(super) freshest_urls: Vec<String>,
    pub(super) scope: Scope,
    /// The whole authority key identifier, as encoded.
    pub(super) authority_key_identifier: Option<Vec<u8>>,
    /// Whether nothing critical is unknown.
    pub(super) is_understood: bool,
}

/// Reads the extensions of the list that `issuer` signs.
pub(super) fn read(extensions: &[RawExtension<'_>], issuer: &[u8]) -> Result<Extensions, Error> {
    let mut read = Extensions {
        is_understood: true,
        ..Extensions::default()
    };
    for extension in extensions {
        read.read_extension(extension, issuer)
            .map_err(|_| Error::CrlMalformed("an extension is not readable"))?;
    }
    Ok(read)
}

impl Extensions {
    fn read_extension(&mut self, extension: &RawExtension<'_>, issuer: &[u8]) -> der::Result<()> {
        let value = extension.value;
        match extension.oid {
            CRL_NUMBER => self.number = Some(read_number(value)?),
            DELTA_CRL_INDICATOR => self.base_number = Some(read_number(value)?),
            FRESHEST_CRL => self.freshest_urls = read_urls(&FreshestCrl::from_der(value)?),
            AUTHORITY_KEY_IDENTIFIER => {
                AuthorityKeyIdentifier::from_der(value)?;
                self.authority_key_identifier = Some(value.to_vec());
            }
            ISSUING_DISTRIBUTION_POINT => {
                let point = IssuingDistributionPoint::from_der(value)?;
                self.scope = Scope::read(&point, value, issuer)?;
            }
            ISSUER_ALTERNATIVE_NAME => {}
            _ => self.is_understood &= !extension.critical,
        }
        Ok(())
    }
}

fn read_number(value: &[u8]) -> der::Result<CrlNumber> {
    Ok(CrlNumber::from_be_bytes(
        UintRef::from_der(value)?.as_bytes(),
    ))
}

fn read_urls(points: &FreshestCrl) -> Vec<String> {
    let names = points
        .0
        .iter()
        .filter_map(|point| match point.distribution_point.as_ref()? {
            DistributionPointName::FullName(names) => Some(names),
            DistributionPointName::NameRelativeToCRLIssuer(_) => None,
        });
    let urls = names.flatten().filter_map(|name| match name {
        GeneralName::UniformResourceIdentifier(url) => Some(url.to_string()),
        _ => None,
    });
    urls.take(FRESHEST_URLS_MAX).collect()
}
