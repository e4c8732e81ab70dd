//! What is on a card: certificates, keys, identity and the answer to reset.

use std::collections::BTreeMap;

use cardea_card::{KeyAlgorithm, PivSlot};
use cardea_test_pki::{IssuedCard, IssuedCertificate};
use openssl::hash::{MessageDigest, hash};
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Private};
use openssl::x509::X509;

use crate::error::Error;

/// The answer to reset of a plain PIV card: its historical bytes hold the PIV application's
/// identifier, which makes OpenSC treat it as a standard card without quirks.
pub const ATR_PIV: [u8; 16] = [
    0x3b, 0x8b, 0x80, 0x01, 0x80, 0xf9, 0xa0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00, 0xc8,
];

/// An answer to reset whose card capabilities announce extended Lc and Le fields.
pub const ATR_EXTENDED_LENGTH: [u8; 10] =
    [0x3b, 0x85, 0x80, 0x01, 0x80, 0x73, 0xc0, 0x01, 0xc0, 0xf6];

/// The same, announcing logical channels, too: the card assigns their numbers, and has four.
pub const ATR_EXTENDED_LENGTH_AND_CHANNELS: [u8; 10] =
    [0x3b, 0x85, 0x80, 0x01, 0x80, 0x73, 0xc0, 0x01, 0xcb, 0xfd];

/// The answer to reset that a reader makes up for a contactless card without historical bytes
/// (PC/SC part 3 section 3.1.3.2.3).
pub const ATR_CONTACTLESS: [u8; 5] = [0x3b, 0x80, 0x80, 0x01, 0x01];

/// What the other program's file holds, see [`CardImage::other_file`].
const OTHER_FILE: &[u8] = b"CARDEA-VCARD billing data of an invented practice";

/// A certificate and its private key in one key slot.
#[derive(Clone)]
pub struct KeySlot {
    /// The certificate in DER.
    pub certificate_der: Vec<u8>,
    /// The private key.
    pub key: PKey<Private>,
    /// The kind of the key.
    pub algorithm: KeyAlgorithm,
}

impl KeySlot {
    /// A slot of a certificate and its key.
    ///
    /// # Errors
    /// [`Error::ImageMalformed`] when the key is neither RSA 2048 nor P-256, or is not the
    /// certificate's.
    pub fn new(certificate_der: Vec<u8>, key: PKey<Private>) -> Result<Self, Error> {
        let malformed = |reason| Error::ImageMalformed { reason };
        let algorithm = match (key.id(), key.bits()) {
            (Id::RSA, 2048) => KeyAlgorithm::Rsa2048,
            (Id::EC, 256) if key.ec_key()?.group().curve_name() == Some(Nid::X9_62_PRIME256V1) => {
                KeyAlgorithm::P256
            }
            _ => return Err(malformed("a key is neither RSA 2048 nor P-256")),
        };
        let certificate = X509::from_der(&certificate_der)?;
        if !certificate.public_key()?.public_eq(&key) {
            return Err(malformed("a key does not belong to its certificate"));
        }
        Ok(Self {
            certificate_der,
            key,
            algorithm,
        })
    }

    /// A slot of an issued certificate.
    ///
    /// # Errors
    /// As for [`KeySlot::new`].
    pub fn from_issued(certificate: &IssuedCertificate) -> Result<Self, Error> {
        Self::new(certificate.der.clone(), certificate.key.clone())
    }
}

/// The content of a card, without its PIN.
#[derive(Clone)]
pub struct CardImage {
    /// Answer to reset.
    pub atr: Vec<u8>,
    /// The GUID of the card holder unique identifier: OpenSC and Cardea take it as the card's
    /// serial number, so it differs from card to card.
    pub guid: [u8; 16],
    /// Key slots by PIV key reference.
    pub slots: BTreeMap<u8, KeySlot>,
    /// A file of another application (AID [`CardImage::OTHER_AID`], file 0101): what a billing
    /// program would read, so that tests can show that it stays selectable.
    pub other_file: Vec<u8>,
    /// Whether MANAGE CHANNEL opens logical channels.
    pub logical_channels: bool,
    /// Whether the card lies on a contactless reader.
    pub contactless: bool,
}

impl std::fmt::Debug for CardImage {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let slots: Vec<String> = self
            .slots
            .keys()
            .map(|slot| format!("{slot:02X}"))
            .collect();
        formatter
            .debug_struct("CardImage")
            .field("slots", &slots)
            .finish_non_exhaustive()
    }
}

impl CardImage {
    /// Identifier of the other application; F marks proprietary ones (ISO/IEC 7816-4 section
    /// 8.2.1).
    pub const OTHER_AID: &'static [u8] = b"\xf0CARDEA-BILL";
    /// The other application's own PIN (key reference 01), as VERIFY carries it.
    pub const OTHER_PIN: &'static [u8] = b"8642";

    /// A card with 9A for authentication and 9C for signature.
    ///
    /// # Errors
    /// As for [`KeySlot::new`].
    pub fn from_issued(card: &IssuedCard) -> Result<Self, Error> {
        let authentication = KeySlot::from_issued(&card.authentication)?;
        let signature = KeySlot::from_issued(&card.signature)?;
        Ok(Self::empty(&card.card_number)?
            .with_slot(PivSlot::Authentication, authentication)
            .with_slot(PivSlot::Signature, signature))
    }

    /// A card without certificates; the GUID follows from the card number.
    ///
    /// # Errors
    /// [`Error::CryptoFailed`] when OpenSSL cannot hash.
    pub fn empty(card_number: &str) -> Result<Self, Error> {
        let digest = hash(MessageDigest::sha256(), card_number.as_bytes())?;
        let mut guid = [0; 16];
        for (place, byte) in guid.iter_mut().zip(digest.iter()) {
            *place = *byte;
        }
        Ok(Self {
            atr: ATR_PIV.to_vec(),
            guid,
            slots: BTreeMap::new(),
            other_file: OTHER_FILE.to_vec(),
            logical_channels: true,
            contactless: false,
        })
    }

    /// The same card with `slot` filled.
    #[must_use]
    pub fn with_slot(mut self, slot: PivSlot, content: KeySlot) -> Self {
        self.slots.insert(slot.key_reference(), content);
        self
    }

    /// The same card, announcing extended Lc and Le fields in its answer to reset, and its logical
    /// channels where it has them.
    #[must_use]
    pub fn announcing_extended_length(mut self) -> Self {
        self.atr = match self.logical_channels {
            true => ATR_EXTENDED_LENGTH_AND_CHANNELS.to_vec(),
            false => ATR_EXTENDED_LENGTH.to_vec(),
        };
        self
    }

    /// The same card with the basic channel only, as many cards in the field.
    #[must_use]
    pub fn without_logical_channels(mut self) -> Self {
        self.logical_channels = false;
        if self.atr == ATR_EXTENDED_LENGTH_AND_CHANNELS {
            self.atr = ATR_EXTENDED_LENGTH.to_vec();
        }
        self
    }

    /// The same card on a contactless reader: no PIN, and only the key that needs none.
    #[must_use]
    pub fn on_contactless_interface(mut self) -> Self {
        self.atr = ATR_CONTACTLESS.to_vec();
        self.contactless = true;
        self
    }
}
