//! The distribution points of a certificate, and the names that lists are matched by
//! (RFC 5280 sections 4.2.1.13 and 6.3.3 (b)).

use super::reason::ReasonSet;
use crate::{Certificate, Error, name};
use openssl::x509::{X509Name, X509NameRef};
use std::cell::OnceCell;
use x509_cert::der::{self, Decode, Encode};
use x509_cert::ext::pkix::CrlDistributionPoints;
use x509_cert::ext::pkix::crl::dp::DistributionPoint;
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_cert::name::Name;

/// Most distribution points of one certificate that are looked at.
const POINTS_MAX: usize = 16;

/// A name of a distribution point or of a list's issuer.
pub(super) enum PointName {
    /// A directory name, also one that was given relative to an issuer; compared by the rules of
    /// RFC 5280 section 7.1.
    Directory(X509Name),
    /// Any other name, such as a URI: compared by its encoding.
    Other(Vec<u8>),
}

impl PointName {
    fn is_same_as(&self, other: &Self) -> Result<bool, Error> {
        match (self, other) {
            (Self::Directory(left), Self::Directory(right)) => name::names_match(left, right),
            (Self::Other(left), Self::Other(right)) => Ok(left == right),
            _ => Ok(false),
        }
    }

    fn of_general_names(names: &[GeneralName]) -> der::Result<Vec<Self>> {
        names
            .iter()
            .map(|name| match name {
                GeneralName::DirectoryName(name) => directory(name),
                other => other.to_der().map(Self::Other),
            })
            .collect()
    }

    /// The names of a point; `issuer` is whom a relative name is relative to.
    pub(super) fn of_point(point: &DistributionPointName, issuer: &[u8]) -> der::Result<Vec<Self>> {
        match point {
            DistributionPointName::FullName(names) => Self::of_general_names(names),
            DistributionPointName::NameRelativeToCRLIssuer(relative) => {
                let mut full = Name::from_der(issuer)?;
                full.0.push(relative.clone());
                Ok(vec![directory(&full)?])
            }
        }
    }
}

fn directory(name: &Name) -> der::Result<PointName> {
    let der = name.to_der()?;
    let unreadable = |_| der::Tag::Sequence.value_error();
    X509Name::from_der(&der)
        .map(PointName::Directory)
        .map_err(unreadable)
}

/// Whether two sets of names have one in common.
pub(super) fn have_common_name(left: &[PointName], right: &[PointName]) -> Result<bool, Error> {
    for name in left {
        for other in right {
            if name.is_same_as(other)? {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// One distribution point of a certificate.
pub(super) struct Point {
    /// `None` when only the list's issuer is named.
    pub(super) names: Option<Vec<PointName>>,
    /// The reasons that its lists are about.
    pub(super) reasons: ReasonSet,
    /// Who issues its lists, when it is not the certificate's own issuer.
    pub(super) crl_issuer: Option<Vec<PointName>>,
}

impl Point {
    fn read(point: &DistributionPoint, certificate_issuer: &[u8]) -> der::Result<Self> {
        let crl_issuer = point.crl_issuer.as_deref();
        // A relative name is relative to the list's issuer, which then has exactly one name.
        let relative_to = match crl_issuer {
            Some([GeneralName::DirectoryName(name)]) => name.to_der()?,
            _ => certificate_issuer.to_vec(),
        };
        let names = point.distribution_point.as_ref();
        Ok(Self {
            names: names
                .map(|names| PointName::of_point(names, &relative_to))
                .transpose()?,
            reasons: point.reasons.map_or(ReasonSet::ALL, |reasons| {
                ReasonSet::from_bits(reasons.bits())
            }),
            crl_issuer: crl_issuer.map(PointName::of_general_names).transpose()?,
        })
    }

    /// Whether the point names `issuer` as the issuer of its lists.
    pub(super) fn names_crl_issuer(&self, issuer: &X509NameRef) -> Result<bool, Error> {
        for name in self.crl_issuer.iter().flatten() {
            if let PointName::Directory(name) = name
                && name::names_match(name, issuer)?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The distribution points of one certificate, read when a list asks for them.
pub(super) struct Points<'a> {
    certificate: &'a Certificate,
    points: OnceCell<Vec<Point>>,
}

impl<'a> Points<'a> {
    pub(super) fn of(certificate: &'a Certificate) -> Self {
        Self {
            certificate,
            points: OnceCell::new(),
        }
    }

    pub(super) fn certificate(&self) -> &'a Certificate {
        self.certificate
    }

    /// The certificate's own points, and the one that every certificate has: its issuer's name,
    /// for lists that the extension does not name (the end of RFC 5280 section 6.3.3).
    ///
    /// Points that cannot be read name no list; their issuer's own may still be at hand.
    pub(super) fn all(&self) -> &[Point] {
        self.points.get_or_init(|| {
            let issuer = self.certificate.issuer().der();
            let extension = self.certificate.crl_distribution_points_der();
            let points = extension.map(CrlDistributionPoints::from_der);
            let named = match points {
                Some(Ok(points)) => points.0,
                _ => Vec::new(),
            };
            let mut points: Vec<Point> = named
                .iter()
                .take(POINTS_MAX)
                .filter_map(|point| Point::read(point, issuer).ok())
                .collect();
            if let Ok(issuer) = X509Name::from_der(issuer) {
                points.push(Point {
                    names: Some(vec![PointName::Directory(issuer)]),
                    reasons: ReasonSet::ALL,
                    crl_issuer: None,
                });
            }
            points
        })
    }
}
