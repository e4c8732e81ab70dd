//! Distinguished names in the shapes of the model PKI.
//!
//! GN, CN and SN of a person stand in ONE multi-valued RDN. DER sorts the members of that SET by
//! their encoded bytes, each of which begins with a length, so the order seen in a certificate
//! changes with the lengths of the values. Whoever reads such a name as a string gets it wrong.

use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::der::Any;
use x509_cert::der::Tag;
use x509_cert::der::asn1::{ObjectIdentifier, SetOfVec};
use x509_cert::name::{Name, RdnSequence, RelativeDistinguishedName};

use crate::error::Error;
use crate::object_identifier::{
    COMMON_NAME, COUNTRY, GIVEN_NAME, ORGANIZATION, ORGANIZATIONAL_UNIT, SERIAL_NUMBER, STATE,
    SURNAME, TITLE,
};

/// A name under construction: relative distinguished names in encoded order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DistinguishedName {
    rdns: Vec<Vec<(ObjectIdentifier, String)>>,
}

impl DistinguishedName {
    /// The empty name.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends C, written as PrintableString.
    #[must_use]
    pub fn country(self, value: &str) -> Self {
        self.single(COUNTRY, value)
    }

    /// Appends ST.
    #[must_use]
    pub fn state(self, value: &str) -> Self {
        self.single(STATE, value)
    }

    /// Appends O.
    #[must_use]
    pub fn organization(self, value: &str) -> Self {
        self.single(ORGANIZATION, value)
    }

    /// Appends OU.
    #[must_use]
    pub fn organizational_unit(self, value: &str) -> Self {
        self.single(ORGANIZATIONAL_UNIT, value)
    }

    /// Appends title, the profession's label.
    #[must_use]
    pub fn title(self, value: &str) -> Self {
        self.single(TITLE, value)
    }

    /// Appends CN alone, as authorities and servers have it.
    #[must_use]
    pub fn common_name(self, value: &str) -> Self {
        self.single(COMMON_NAME, value)
    }

    /// Appends the multi-valued RDN of a person: given name, identifier (CN) and family name.
    #[must_use]
    pub fn person(mut self, given_name: &str, identifier: &str, family_name: &str) -> Self {
        self.rdns.push(vec![
            (GIVEN_NAME, given_name.to_owned()),
            (COMMON_NAME, identifier.to_owned()),
            (SURNAME, family_name.to_owned()),
        ]);
        self
    }

    /// Appends an RDN of several attributes, which DER sorts by their encodings.
    #[must_use]
    pub fn set(mut self, members: &[(ObjectIdentifier, &str)]) -> Self {
        let members = members.iter();
        self.rdns.push(
            members
                .map(|(oid, value)| (*oid, (*value).to_owned()))
                .collect(),
        );
        self
    }

    /// Appends an RDN of one attribute of any type, for odd names.
    #[must_use]
    pub fn single(mut self, attribute: ObjectIdentifier, value: &str) -> Self {
        self.rdns.push(vec![(attribute, value.to_owned())]);
        self
    }

    /// The name as a path of `type=value` pieces, for index files and messages only.
    #[must_use]
    pub fn one_line(&self) -> String {
        let mut text = String::new();
        for (attribute, value) in self.rdns.iter().flatten() {
            let label = match *attribute {
                COMMON_NAME => "CN",
                SURNAME => "SN",
                COUNTRY => "C",
                STATE => "ST",
                ORGANIZATION => "O",
                ORGANIZATIONAL_UNIT => "OU",
                TITLE => "title",
                GIVEN_NAME => "GN",
                _ => "?",
            };
            text.push('/');
            text.push_str(label);
            text.push('=');
            text.extend(value.chars().filter(|character| !character.is_control()));
        }
        text
    }

    pub(crate) fn encode(&self) -> Result<Name, Error> {
        let mut rdns = Vec::with_capacity(self.rdns.len());
        for attributes in &self.rdns {
            let mut members = Vec::with_capacity(attributes.len());
            for (oid, value) in attributes {
                // X.520: the two attributes whose type is PrintableString.
                let tag = if matches!(*oid, COUNTRY | SERIAL_NUMBER) {
                    Tag::PrintableString
                } else {
                    Tag::Utf8String
                };
                let value = Any::new(tag, value.as_bytes())?;
                members.push(AttributeTypeAndValue { oid: *oid, value });
            }
            rdns.push(RelativeDistinguishedName(SetOfVec::try_from(members)?));
        }
        Ok(RdnSequence(rdns))
    }
}

#[cfg(test)]
mod tests {
    use super::DistinguishedName;
    use x509_cert::der::Encode;

    fn order(given_name: &str, identifier: &str, family_name: &str) -> Vec<String> {
        let name = DistinguishedName::new().person(given_name, identifier, family_name);
        let encoded = name.encode().unwrap();
        let members = encoded.0[0].0.iter();
        members.map(|member| member.oid.to_string()).collect()
    }

    #[test]
    fn the_lengths_of_the_values_decide_the_order_in_the_set() {
        let (given_name, common_name, surname) = ("2.5.4.42", "2.5.4.3", "2.5.4.4");
        assert_eq!(
            order("ANNE", "899700000011", "DURANDEAU"),
            [given_name, surname, common_name]
        );
        assert_eq!(
            order("MARIE-CHRISTINE", "899700000011", "LE"),
            [surname, common_name, given_name]
        );
        assert_eq!(
            order("ABC", "DEF", "GHI"),
            [common_name, surname, given_name]
        );
    }

    #[test]
    fn openssl_reads_the_country_as_printable_string() {
        let der = DistinguishedName::new()
            .country("FR")
            .encode()
            .unwrap()
            .to_der()
            .unwrap();
        assert_eq!(
            der,
            [
                0x30, 0x0d, 0x31, 0x0b, 0x30, 0x09, 6, 3, 0x55, 4, 6, 0x13, 2, b'F', b'R'
            ]
        );
    }
}
