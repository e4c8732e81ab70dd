//! Which certificates and reasons a list speaks for (RFC 5280 sections 5.2.5 and 6.3.3 (b)).

use crate::revocation::distribution_point::{Point, PointName, Points, have_common_name};
use crate::revocation::reason::ReasonSet;
use crate::{Certificate, Error, name};
use openssl::x509::X509NameRef;
use x509_cert::der;
use x509_cert::ext::pkix::crl::IssuingDistributionPoint;

/// The scope of a list, from its issuing distribution point.
pub(super) struct Scope {
    /// Without the extension a list speaks for every certificate of its issuer.
    is_limited: bool,
    only_end_entities: bool,
    only_authorities: bool,
    only_attributes: bool,
    pub(super) is_indirect: bool,
    reasons: ReasonSet,
    /// The list's own distribution point, when it names one.
    names: Option<Vec<PointName>>,
    der: Vec<u8>,
}

impl Default for Scope {
    fn default() -> Self {
        Self {
            is_limited: false,
            only_end_entities: false,
            only_authorities: false,
            only_attributes: false,
            is_indirect: false,
            reasons: ReasonSet::ALL,
            names: None,
            der: Vec::new(),
        }
    }
}

impl Scope {
    /// `issuer` is the list's, whom a relative name is relative to.
    pub(super) fn read(
        point: &IssuingDistributionPoint,
        der: &[u8],
        issuer: &[u8],
    ) -> der::Result<Self> {
        let names = point.distribution_point.as_ref();
        Ok(Self {
            is_limited: true,
            only_end_entities: point.only_contains_user_certs,
            only_authorities: point.only_contains_ca_certs,
            only_attributes: point.only_contains_attribute_certs,
            is_indirect: point.indirect_crl,
            reasons: point.only_some_reasons.map_or(ReasonSet::ALL, |reasons| {
                ReasonSet::from_bits(reasons.bits())
            }),
            names: names
                .map(|names| PointName::of_point(names, issuer))
                .transpose()?,
            der: der.to_vec(),
        })
    }

    /// The extension's bytes, empty when absent.
    pub(super) fn der(&self) -> &[u8] {
        &self.der
    }

    /// The reasons for which a list of `list_issuer` speaks about a certificate, by any of its
    /// distribution points; empty when it does not speak about it.
    pub(super) fn reasons_for(
        &self,
        points: &Points<'_>,
        list_issuer: &X509NameRef,
    ) -> Result<ReasonSet, Error> {
        if !self.fits_kind_of(points.certificate()) {
            return Ok(ReasonSet::NONE);
        }
        let certificate_issuer = points.certificate().openssl().issuer_name();
        let is_own_issuer = name::names_match(list_issuer, certificate_issuer)?;
        // The usual list, whose points need not be read at all.
        if !self.is_limited {
            return Ok(if is_own_issuer {
                ReasonSet::ALL
            } else {
                ReasonSet::NONE
            });
        }
        let mut reasons = ReasonSet::NONE;
        for point in points.all() {
            let issuer_fits = match point.crl_issuer {
                None => is_own_issuer,
                Some(_) => self.is_indirect && point.names_crl_issuer(list_issuer)?,
            };
            if issuer_fits && self.fits_names_of(point)? {
                reasons = reasons.union(point.reasons);
            }
        }
        Ok(reasons.intersection(self.reasons))
    }

    /// RFC 5280 section 6.3.3 (b)(2)(ii) to (iv).
    fn fits_kind_of(&self, certificate: &Certificate) -> bool {
        let kind_fits = if certificate.is_authority() {
            !self.only_end_entities
        } else {
            !self.only_authorities
        };
        kind_fits && !self.only_attributes
    }

    /// RFC 5280 section 6.3.3 (b)(2)(i).
    fn fits_names_of(&self, point: &Point) -> Result<bool, Error> {
        let Some(own) = &self.names else {
            return Ok(true);
        };
        match point.names.as_ref().or(point.crl_issuer.as_ref()) {
            Some(names) => have_common_name(own, names),
            None => Ok(false),
        }
    }
}
