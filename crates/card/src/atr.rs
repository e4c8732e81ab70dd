//! What an answer to reset announces (ISO/IEC 7816-3 section 8, 7816-4 section 8.1.1).

/// Bit 7 of the third card-capabilities byte: extended Lc and Le fields.
const EXTENDED_LENGTH: u8 = 0x40;
/// Bits 5 and 4 of the same byte: logical channel numbers are assigned by the interface device, by
/// the card.
const CHANNEL_ASSIGNMENT: u8 = 0x18;

/// Whether the historical bytes announce extended Lc and Le fields. Then an RSA signature takes one
/// command instead of two and a GET RESPONSE. Anything unclear counts as "no".
pub(crate) fn announces_extended_length(atr: &[u8]) -> bool {
    historical_bytes(atr)
        .and_then(card_capabilities)
        .and_then(|capabilities| capabilities.get(2))
        .is_some_and(|third| third & EXTENDED_LENGTH != 0)
}

/// Whether the historical bytes rule out logical channels (the same byte of ISO/IEC 7816-4 table
/// 88): bits 5 and 4 say who assigns their numbers, and neither means that there are none. Silence
/// rules nothing out.
pub(crate) fn rules_out_logical_channels(atr: &[u8]) -> bool {
    historical_bytes(atr)
        .and_then(card_capabilities)
        .and_then(|capabilities| capabilities.get(2))
        .is_some_and(|third| third & CHANNEL_ASSIGNMENT == 0)
}

/// Whether this may be the ATR that readers make up for a contactless card, which has none: 3B 8n
/// 80 01 (PC/SC part 3 section 3.1.3.2.3). Cards with contacts may have the same form, so only
/// "no" is certain.
pub(crate) fn may_be_contactless(atr: &[u8]) -> bool {
    matches!(atr, [0x3B, format, 0x80, 0x01, ..] if format & 0xF0 == 0x80)
}

fn historical_bytes(atr: &[u8]) -> Option<&[u8]> {
    let format = *atr.get(1)?;
    let count = usize::from(format & 0x0F);
    let mut position = 2;
    let mut present = format & 0xF0;
    // Each round skips TA, TB and TC where present and reads TD, which tells the next round.
    while present != 0 {
        let skipped = (present & 0x70).count_ones();
        position += usize::try_from(skipped).ok()?;
        if present & 0x80 == 0 {
            break;
        }
        present = *atr.get(position)? & 0xF0;
        position += 1;
    }
    atr.get(position..position.checked_add(count)?)
}

/// The value of compact-TLV tag 7 (ISO/IEC 7816-4 section 8.1.1.2.7).
fn card_capabilities(historical: &[u8]) -> Option<&[u8]> {
    let (category, rest) = historical.split_first()?;
    let mut elements = match category {
        0x80 => rest,
        // Category 00: the last three bytes are a status indicator.
        0x00 => rest.get(..rest.len().checked_sub(3)?)?,
        _ => return None,
    };
    while let Some((head, rest)) = elements.split_first() {
        let (value, rest) = rest.split_at_checked(usize::from(head & 0x0F))?;
        if head >> 4 == 7 {
            return Some(value);
        }
        elements = rest;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extended_length_is_read_from_the_card_capabilities() {
        // A widespread PIV token: historical bytes 80 73 C0 21 C0 57 …
        let with = [
            0x3B, 0xFD, 0x13, 0x00, 0x00, 0x81, 0x31, 0xFE, 0x15, 0x80, 0x73, 0xC0, 0x21, 0xC0,
            0x57, 0x59, 0x75, 0x62, 0x69, 0x4B, 0x65, 0x79, 0x40,
        ];
        assert!(announces_extended_length(&with));
        let mut chaining_only = with;
        chaining_only[13] = 0x80;
        assert!(!announces_extended_length(&chaining_only));
    }

    #[test]
    fn cards_that_do_not_say_so_get_short_commands() {
        let aid_only = [
            0x3B, 0x8B, 0x80, 0x01, 0x80, 0xF9, 0xA0, 0, 0, 3, 8, 0, 0, 0x10, 0, 0xC8,
        ];
        assert!(!announces_extended_length(&aid_only));
        for odd in [
            &[][..],
            &[0x3B],
            &[0x3B, 0xFF],
            &[0x3B, 0x05, 0x80, 0x73],
            &[0x3B, 0x80],
        ] {
            assert!(!announces_extended_length(odd), "{odd:?}");
        }
    }

    #[test]
    fn channels_are_ruled_out_only_by_a_card_that_says_so() {
        let says_none = [0x3B, 0x85, 0x80, 0x01, 0x80, 0x73, 0xC0, 0x01, 0xC0, 0xF6];
        assert!(rules_out_logical_channels(&says_none));
        let mut assigns = says_none;
        assigns[8] = 0xCB;
        assert!(!rules_out_logical_channels(&assigns));
        assert!(!rules_out_logical_channels(&[0x3B, 0x80, 0x80, 0x01, 0x01]));
    }

    #[test]
    fn made_up_atrs_of_contactless_cards_have_a_form_of_their_own() {
        assert!(may_be_contactless(&[0x3B, 0x80, 0x80, 0x01, 0x01]));
        assert!(may_be_contactless(&[0x3B, 0x8B, 0x80, 0x01, 0x80]));
        let with_contacts = [0x3B, 0xAC, 0x00, 0x40, 0x2A, 0x00];
        assert!(!may_be_contactless(&with_contacts));
        assert!(!may_be_contactless(&[0x3B, 0x80, 0x80]));
    }

    #[test]
    fn no_short_atr_panics() {
        for word in 0..=u16::MAX {
            let [a, b] = word.to_be_bytes();
            for c in [0x00, 0x70, 0x7F, 0x80, 0xFF] {
                let _ = announces_extended_length(&[0x3B, a, b, c]);
                let _ = announces_extended_length(&[0x3B, c, a, b]);
            }
        }
    }
}
