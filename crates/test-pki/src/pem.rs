//! PEM text of certificates.

use openssl::base64::encode_block;

/// `der` as a PEM certificate, RFC 7468 section 5.
#[must_use]
pub(crate) fn certificate(der: &[u8]) -> String {
    let mut text = String::from("-----BEGIN CERTIFICATE-----\n");
    let mut column = 0;
    for character in encode_block(der).chars() {
        text.push(character);
        column += 1;
        if column == 64 {
            text.push('\n');
            column = 0;
        }
    }
    if column != 0 {
        text.push('\n');
    }
    text.push_str("-----END CERTIFICATE-----\n");
    text
}
