//! The fixed set of authorities: three assurance ranges, a root and issuing authorities in each.

use std::fmt;

use crate::distinguished_name::DistinguishedName;

/// Assurance range of a root and of what stands below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AssuranceRange {
    /// Software certificates of professionals, and organisations.
    Elementaire,
    /// Cards of establishment staff (CPE, CPA).
    Standard,
    /// Nominative cards of professionals (CPS, CPF).
    Fort,
}

/// Whom an issuing authority serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Domain {
    /// Natural persons.
    Personnes,
    /// Servers and legal persons.
    Organisations,
}

/// One of the authorities of the test PKI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AuthorityName {
    /// A self-signed root.
    Root(AssuranceRange),
    /// An issuing authority below the root of its range.
    Issuing(AssuranceRange, Domain),
}

impl AuthorityName {
    /// The three roots.
    pub const ROOTS: &'static [Self] = &[
        Self::Root(AssuranceRange::Elementaire),
        Self::Root(AssuranceRange::Standard),
        Self::Root(AssuranceRange::Fort),
    ];

    /// Issues software certificates to professionals: never cards.
    pub const ELEMENTAIRE_PERSONNES: Self =
        Self::Issuing(AssuranceRange::Elementaire, Domain::Personnes);
    /// Issues certificates to servers and legal persons.
    pub const ELEMENTAIRE_ORGANISATIONS: Self =
        Self::Issuing(AssuranceRange::Elementaire, Domain::Organisations);
    /// Issues the cards of establishment staff.
    pub const STANDARD_PERSONNES: Self = Self::Issuing(AssuranceRange::Standard, Domain::Personnes);
    /// Issues the nominative cards of professionals.
    pub const FORT_PERSONNES: Self = Self::Issuing(AssuranceRange::Fort, Domain::Personnes);

    /// The four issuing authorities.
    pub const ISSUING: &'static [Self] = &[
        Self::ELEMENTAIRE_PERSONNES,
        Self::ELEMENTAIRE_ORGANISATIONS,
        Self::STANDARD_PERSONNES,
        Self::FORT_PERSONNES,
    ];

    /// Every authority, roots first.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::ROOTS.iter().chain(Self::ISSUING).copied()
    }

    /// The range that this authority belongs to.
    #[must_use]
    pub fn range(self) -> AssuranceRange {
        match self {
            Self::Root(range) | Self::Issuing(range, _) => range,
        }
    }

    /// The root of this authority's range; a root names itself.
    #[must_use]
    pub fn root(self) -> Self {
        Self::Root(self.range())
    }

    /// True for a self-signed root.
    #[must_use]
    pub fn is_root(self) -> bool {
        matches!(self, Self::Root(_))
    }

    /// The name used in files and URLs, for example `ACI-FO-PP` or `ACR-FO`.
    #[must_use]
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Root(AssuranceRange::Elementaire) => "ACR-EL",
            Self::Root(AssuranceRange::Standard) => "ACR-ST",
            Self::Root(AssuranceRange::Fort) => "ACR-FO",
            Self::Issuing(AssuranceRange::Elementaire, Domain::Personnes) => "ACI-EL-PP",
            Self::Issuing(AssuranceRange::Elementaire, Domain::Organisations) => "ACI-EL-ORG",
            Self::Issuing(AssuranceRange::Standard, Domain::Personnes) => "ACI-ST-PP",
            Self::Issuing(AssuranceRange::Standard, Domain::Organisations) => "ACI-ST-ORG",
            Self::Issuing(AssuranceRange::Fort, Domain::Personnes) => "ACI-FO-PP",
            Self::Issuing(AssuranceRange::Fort, Domain::Organisations) => "ACI-FO-ORG",
        }
    }

    /// Finds an authority of the test PKI by its file name.
    #[must_use]
    pub fn find(file_name: &str) -> Option<Self> {
        Self::all().find(|name| name.file_name() == file_name)
    }

    /// The subject CN, for example `TEST AC IGC-CARDEA FORT PERSONNES`.
    #[must_use]
    pub fn common_name(self) -> String {
        let range = match self.range() {
            AssuranceRange::Elementaire => "ELEMENTAIRE",
            AssuranceRange::Standard => "STANDARD",
            AssuranceRange::Fort => "FORT",
        };
        match self {
            Self::Root(_) => format!("TEST AC RACINE IGC-CARDEA {range}"),
            Self::Issuing(_, Domain::Personnes) => format!("TEST AC IGC-CARDEA {range} PERSONNES"),
            Self::Issuing(_, Domain::Organisations) => {
                format!("TEST AC IGC-CARDEA {range} ORGANISATIONS")
            }
        }
    }

    /// The subject name: the model PKI's shape with obviously invented parts.
    #[must_use]
    pub fn subject(self) -> DistinguishedName {
        DistinguishedName::new()
            .country("FR")
            .organization("CARDEA-TEST")
            // ICD 0002 (SIREN) with a number that no register hands out.
            .organizational_unit("0002 000000000")
            .organizational_unit("IGC-CARDEA TEST")
            .common_name(&self.common_name())
    }
}

impl fmt::Display for AuthorityName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.file_name())
    }
}

#[cfg(test)]
mod tests {
    use super::AuthorityName;
    use std::collections::BTreeSet;

    #[test]
    fn every_authority_is_found_by_its_own_file_name() {
        let names: BTreeSet<_> = AuthorityName::all().collect();
        assert_eq!(names.len(), 7);
        for name in names {
            assert_eq!(AuthorityName::find(name.file_name()), Some(name));
        }
        assert_eq!(
            AuthorityName::find("ACI-FO-ORG"),
            None,
            "not part of this PKI"
        );
    }
}
