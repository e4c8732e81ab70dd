//! The extensions of a certificate in the model's order.

use x509_cert::der::asn1::{Ia5String, ObjectIdentifier, OctetString, PrintableStringRef};
use x509_cert::der::flagset::FlagSet;
use x509_cert::der::{Any, Encode, Tag};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::certpolicy::{PolicyInformation, PolicyQualifierInfo};
use x509_cert::ext::pkix::crl::dp::DistributionPoint;
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName, OtherName};
use x509_cert::ext::pkix::{
    AccessDescription, AuthorityKeyIdentifier, BasicConstraints as BasicConstraintsValue, KeyUsage,
    KeyUsages, PrivateKeyUsagePeriod,
};

use crate::certificate_spec::{BasicConstraints, CertificateSpec, Pointers, SubjectAltName};
use crate::error::Error;
use crate::moment::generalized_time;
use crate::object_identifier as oid;
use crate::profession::Profession;
use crate::publication::PublicationPoints;

/// What the issuer adds to a certificate that the spec does not know.
pub(crate) struct IssuerFacts<'a> {
    pub(crate) key_identifier: &'a [u8],
    pub(crate) points: &'a PublicationPoints,
}

/// All extensions of a certificate, in the order in which the model writes them.
pub(crate) fn certificate_extensions(
    spec: &CertificateSpec,
    subject_key_identifier: &[u8],
    issuer: &IssuerFacts<'_>,
) -> Result<Vec<Extension>, Error> {
    let mut list = Vec::new();
    push_basic_constraints(&mut list, spec.basic_constraints)?;
    let identifier = OctetString::new(subject_key_identifier)?;
    list.push(extension(oid::SUBJECT_KEY_IDENTIFIER, false, &identifier)?);
    list.push(authority_key_identifier(issuer.key_identifier)?);
    push_usages(&mut list, spec, issuer.points)?;
    if let Some(name) = &spec.subject_alt_name {
        list.push(extension(
            oid::SUBJECT_ALT_NAME,
            false,
            &vec![general_name(name)?],
        )?);
    }
    push_pointers(&mut list, spec.pointers, issuer.points)?;
    push_private_extensions(&mut list, spec)?;
    for raw in &spec.extra_extensions {
        list.push(Extension {
            extn_id: raw.oid,
            critical: raw.critical,
            extn_value: OctetString::new(raw.der.as_slice())?,
        });
    }
    Ok(list)
}

/// One extension around an encodable value.
pub(crate) fn extension(
    extn_id: ObjectIdentifier,
    critical: bool,
    value: &impl Encode,
) -> Result<Extension, Error> {
    Ok(Extension {
        extn_id,
        critical,
        extn_value: OctetString::new(value.to_der()?)?,
    })
}

/// RFC 5280 section 4.2.1.1, key identifier alone.
pub(crate) fn authority_key_identifier(key_identifier: &[u8]) -> Result<Extension, Error> {
    let value = AuthorityKeyIdentifier {
        key_identifier: Some(OctetString::new(key_identifier)?),
        authority_cert_issuer: None,
        authority_cert_serial_number: None,
    };
    extension(oid::AUTHORITY_KEY_IDENTIFIER, false, &value)
}

fn push_basic_constraints(
    list: &mut Vec<Extension>,
    constraints: BasicConstraints,
) -> Result<(), Error> {
    let (critical, value) = match constraints {
        BasicConstraints::Absent => return Ok(()),
        BasicConstraints::EndEntity => (
            false,
            BasicConstraintsValue {
                ca: false,
                path_len_constraint: None,
            },
        ),
        BasicConstraints::Authority { path_length } => (
            true,
            BasicConstraintsValue {
                ca: true,
                path_len_constraint: path_length,
            },
        ),
    };
    list.push(extension(oid::BASIC_CONSTRAINTS, critical, &value)?);
    Ok(())
}

fn push_usages(
    list: &mut Vec<Extension>,
    spec: &CertificateSpec,
    points: &PublicationPoints,
) -> Result<(), Error> {
    if !spec.key_usage.is_empty() {
        let flags = spec
            .key_usage
            .iter()
            .copied()
            .map(FlagSet::<KeyUsages>::from);
        let value = KeyUsage(flags.fold(FlagSet::default(), |all, one| all | one));
        list.push(extension(oid::KEY_USAGE, true, &value)?);
    }
    if !spec.policies.is_empty() {
        let mut policies = Vec::with_capacity(spec.policies.len());
        for policy in &spec.policies {
            let statement = Any::new(Tag::Ia5String, points.practice_statement.as_bytes())?;
            policies.push(PolicyInformation {
                policy_identifier: *policy,
                policy_qualifiers: Some(vec![PolicyQualifierInfo {
                    policy_qualifier_id: oid::CPS_QUALIFIER,
                    qualifier: Some(statement),
                }]),
            });
        }
        list.push(extension(oid::CERTIFICATE_POLICIES, false, &policies)?);
    }
    if !spec.extended_key_usage.is_empty() {
        list.push(extension(
            oid::EXTENDED_KEY_USAGE,
            false,
            &spec.extended_key_usage,
        )?);
    }
    if let Some((not_before, not_after)) = spec.private_key_usage_period {
        let value = PrivateKeyUsagePeriod {
            not_before: Some(generalized_time(not_before)?),
            not_after: Some(generalized_time(not_after)?),
        };
        list.push(extension(oid::PRIVATE_KEY_USAGE_PERIOD, false, &value)?);
    }
    Ok(())
}

fn general_name(name: &SubjectAltName) -> Result<GeneralName, Error> {
    Ok(match name {
        SubjectAltName::UserPrincipalName(text) => GeneralName::OtherName(OtherName {
            type_id: oid::USER_PRINCIPAL_NAME,
            value: Any::new(Tag::Utf8String, text.as_bytes())?,
        }),
        SubjectAltName::Email(text) => GeneralName::Rfc822Name(Ia5String::new(text)?),
        SubjectAltName::DnsName(text) => GeneralName::DnsName(Ia5String::new(text)?),
        SubjectAltName::Uri(text) => uri(text)?,
        SubjectAltName::IpAddress(bytes) => {
            GeneralName::IpAddress(OctetString::new(bytes.as_slice())?)
        }
    })
}

fn uri(text: &str) -> Result<GeneralName, Error> {
    Ok(GeneralName::UniformResourceIdentifier(Ia5String::new(
        text,
    )?))
}

/// A distribution point whose full name is one URI.
pub(crate) fn distribution_point(text: &str) -> Result<DistributionPoint, Error> {
    Ok(DistributionPoint {
        distribution_point: Some(DistributionPointName::FullName(vec![uri(text)?])),
        reasons: None,
        crl_issuer: None,
    })
}

fn push_pointers(
    list: &mut Vec<Extension>,
    pointers: Pointers,
    points: &PublicationPoints,
) -> Result<(), Error> {
    if pointers == Pointers::None {
        return Ok(());
    }
    let crls = vec![
        distribution_point(&points.crl_http)?,
        distribution_point(&points.crl_ldap)?,
    ];
    list.push(extension(oid::CRL_DISTRIBUTION_POINTS, false, &crls)?);
    if pointers == Pointers::CrlOnly {
        return Ok(());
    }
    if let Some(delta) = &points.delta_crl_ldap {
        list.push(extension(
            oid::FRESHEST_CRL,
            false,
            &vec![distribution_point(delta)?],
        )?);
    }
    let mut access = Vec::new();
    if let Some(ocsp) = &points.ocsp {
        access.push(AccessDescription {
            access_method: oid::ACCESS_OCSP,
            access_location: uri(ocsp)?,
        });
    }
    access.push(AccessDescription {
        access_method: oid::ACCESS_CA_ISSUERS,
        access_location: uri(&points.ca_issuers)?,
    });
    list.push(extension(oid::AUTHORITY_INFO_ACCESS, false, &access)?);
    Ok(())
}

/// The private extensions .5, .2, .3, .7 and .8; none is critical.
fn push_private_extensions(list: &mut Vec<Extension>, spec: &CertificateSpec) -> Result<(), Error> {
    if let Some(kind) = spec.certificate_kind {
        // An OCTET STRING inside the OCTET STRING of extnValue: 04 01 80.
        let value = OctetString::new([kind].as_slice())?;
        list.push(extension(oid::CPS_CERTIFICATE_KIND, false, &value)?);
    }
    if let Some(card_type) = spec.card_type {
        list.push(extension(oid::CPS_CARD_TYPE, false, &card_type)?);
    }
    if let Some(number) = &spec.card_number {
        let value = PrintableStringRef::new(number)?;
        list.push(extension(oid::CPS_CARD_NUMBER, false, &value)?);
    }
    match spec.profession {
        Some(Profession::Practising(code)) => {
            list.push(extension(oid::CPS_PROFESSION, false, &code)?);
        }
        Some(Profession::InTraining(code)) => {
            list.push(extension(oid::CPS_PROFESSION_IN_TRAINING, false, &code)?);
        }
        None => {}
    }
    Ok(())
}
