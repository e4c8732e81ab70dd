//! Applications and data objects: what SELECT, GET DATA and READ BINARY find.
//! (NIST SP 800-73-4 part 1 section 3 and appendix A)

use cardea_card::PivSlot;

use crate::card_image::CardImage;
use crate::tlv::{element, write};

/// The PIV application's full identifier, version 1.0.
const PIV_AID: [u8; 11] = [
    0xa0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00, 0x01, 0x00,
];
/// NIST's registered application provider identifier: the shortest prefix that selects.
const NIST_RID_BYTES: usize = 5;
/// FASC-N of a card outside the US federal government: agency 9999.
const FASC_N: [u8; 25] = [
    0xd4, 0xe7, 0x39, 0xda, 0x73, 0x9c, 0xed, 0x39, 0xce, 0x73, 0x9d, 0x83, 0x68, 0x58, 0x21, 0x08,
    0x42, 0x10, 0x84, 0x21, 0xc8, 0x42, 0x10, 0xc3, 0xeb,
];
/// Identifier of the other application's only file.
const OTHER_FILE_ID: [u8; 2] = [0x01, 0x01];

/// An application that SELECT can make current.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Application {
    /// The PIV card application.
    Piv,
    /// The other program's application.
    Other,
}

/// The files of one card image.
pub(crate) struct FileSystem {
    image: CardImage,
}

impl FileSystem {
    pub(crate) fn new(image: CardImage) -> Self {
        Self { image }
    }

    pub(crate) fn image(&self) -> &CardImage {
        &self.image
    }

    /// The application of an identifier: PIV's may be shortened from the right, the other's not.
    pub(crate) fn find_application(&self, aid: &[u8]) -> Option<Application> {
        if aid.len() >= NIST_RID_BYTES && PIV_AID.starts_with(aid) {
            return Some(Application::Piv);
        }
        (aid == CardImage::OTHER_AID).then_some(Application::Other)
    }

    /// The answer to a successful SELECT by application identifier.
    pub(crate) fn select_response(&self, application: Application) -> Vec<u8> {
        match application {
            Application::Piv => {
                // SP 800-73-4 part 2 table 3: the identifier's extension and its authority.
                let (rid, pix) = PIV_AID.split_at(NIST_RID_BYTES);
                let mut template = element(&[0x4f], pix);
                write(&mut template, &[0x79], &element(&[0x4f], rid));
                element(&[0x61], &template)
            }
            Application::Other => element(&[0x6f], &element(&[0x84], CardImage::OTHER_AID)),
        }
    }

    /// Whether the other application has a file of this identifier.
    pub(crate) fn has_other_file(&self, id: &[u8]) -> bool {
        id == OTHER_FILE_ID
    }

    /// The PIV data object of a tag, with its outer tag, as GET DATA returns it.
    pub(crate) fn data_object(&self, tag: &[u8]) -> Option<Vec<u8>> {
        match tag {
            // The discovery object is the one that is not wrapped in 53.
            [0x7e] => Some(discovery()),
            [0x5f, 0xc1, 0x02] => Some(element(&[0x53], &self.card_holder_unique_identifier())),
            [0x5f, 0xc1, 0x07] => Some(element(&[0x53], &self.card_capability_container())),
            _ => self.certificate_object(tag),
        }
    }

    fn certificate_object(&self, tag: &[u8]) -> Option<Vec<u8>> {
        let slot = PivSlot::ALL
            .into_iter()
            .find(|slot| slot.certificate_tag() == tag)?;
        let content = self.image.slots.get(&slot.key_reference())?;
        let mut object = Vec::new();
        write(&mut object, &[0x70], &content.certificate_der);
        // CertInfo 00: not compressed.
        write(&mut object, &[0x71], &[0]);
        write(&mut object, &[0xfe], &[]);
        Some(element(&[0x53], &object))
    }

    fn card_holder_unique_identifier(&self) -> Vec<u8> {
        let mut object = Vec::new();
        write(&mut object, &[0x30], &FASC_N);
        write(&mut object, &[0x34], &self.image.guid);
        write(&mut object, &[0x35], b"20491231");
        write(&mut object, &[0x3e], &[]);
        write(&mut object, &[0xfe], &[]);
        object
    }

    fn card_capability_container(&self) -> Vec<u8> {
        // RID of GSC-IS, manufacturer FF, card type 02 (Java card shape), then an identifier.
        let mut identifier = vec![0xa0, 0x00, 0x00, 0x01, 0x16, 0xff, 0x02];
        identifier.extend(self.image.guid.iter().take(14));
        let mut object = Vec::new();
        write(&mut object, &[0xf0], &identifier);
        write(&mut object, &[0xf1], &[0x21]);
        write(&mut object, &[0xf2], &[0x21]);
        write(&mut object, &[0xf3], &[]);
        write(&mut object, &[0xf4], &[0x00]);
        write(&mut object, &[0xf5], &[0x10]);
        for empty in [0xf6, 0xf7, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe] {
            write(&mut object, &[empty], &[]);
        }
        object
    }
}

/// SP 800-73-4 part 1 section 3.3.2: the application PIN satisfies, and no global PIN exists.
fn discovery() -> Vec<u8> {
    let mut object = element(&[0x4f], &PIV_AID);
    write(&mut object, &[0x5f, 0x2f], &[0x40, 0x00]);
    element(&[0x7e], &object)
}
