//! From `OffsetDateTime` to the time types of X.509.

use time::OffsetDateTime;
use x509_cert::der::DateTime;
use x509_cert::der::asn1::{GeneralizedTime, UtcTime};
use x509_cert::time::Time;

use crate::error::Error;

/// RFC 5280 section 4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050.
pub(crate) fn x509_time(at: OffsetDateTime) -> Result<Time, Error> {
    let date_time = date_time(at)?;
    if date_time.year() <= UtcTime::MAX_YEAR {
        Ok(Time::UtcTime(UtcTime::from_date_time(date_time)?))
    } else {
        Ok(Time::GeneralTime(GeneralizedTime::from_date_time(
            date_time,
        )))
    }
}

/// GeneralizedTime whatever the year: OCSP and the private key usage period want it.
pub(crate) fn generalized_time(at: OffsetDateTime) -> Result<GeneralizedTime, Error> {
    Ok(GeneralizedTime::from_date_time(date_time(at)?))
}

fn date_time(at: OffsetDateTime) -> Result<DateTime, Error> {
    let seconds = u64::try_from(at.unix_timestamp()).map_err(|_| Error::TimeOutOfRange)?;
    DateTime::from_unix_duration(std::time::Duration::from_secs(seconds))
        .map_err(|_| Error::TimeOutOfRange)
}
