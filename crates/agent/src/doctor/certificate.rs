//! Whether the card's certificate is in date, by the issuer's time where that is known.

use time::Date;

use super::card::SeenCertificate;
use super::cause::Cause;
use super::finding::Finding;
use crate::prompt_text::days_until;

/// From here on a new card must be asked for.
const EXPIRING_DAYS: i64 = 30;

/// Expired, soon to expire, or nothing to say. `now` is in unix seconds.
pub(super) fn judge(seen: &SeenCertificate, now: i64) -> Option<Finding> {
    let (from, until) = (seen.certificate.not_before(), seen.certificate.not_after());
    let days = days_until(until, now);
    let cause = if until.unix_timestamp() < now || now < from.unix_timestamp() {
        Cause::CertificateExpired
    } else if days <= EXPIRING_DAYS {
        Cause::CertificateExpiring
    } else {
        return None;
    };
    Some(
        Finding::new(cause)
            .with("reader", seen.reader.as_str())
            .with("days", days.to_string())
            .with_words("from", day(from.date()))
            .with_words("until", day(until.date())),
    )
}

/// A day as each language writes it.
pub(super) fn day(date: Date) -> (String, String) {
    let (day, month, year) = (date.day(), date.month(), date.year());
    (
        format!("{day:02}/{:02}/{year}", u8::from(month)),
        format!("{day} {month} {year}"),
    )
}
