//! Times as the database holds them: whole seconds since 1970-01-01T00:00:00Z.

use time::OffsetDateTime;

use crate::Error;
use crate::sql::Row;

/// Reads a time that is always there.
pub(crate) fn required(row: &Row, column: &str) -> Result<OffsetDateTime, Error> {
    from_unix(row.try_get(column)?, column)
}

/// Reads a time that may be missing.
pub(crate) fn optional(row: &Row, column: &str) -> Result<Option<OffsetDateTime>, Error> {
    let seconds: Option<i64> = row.try_get(column)?;
    seconds
        .map(|seconds| from_unix(seconds, column))
        .transpose()
}

/// A value outside the years that `time` can hold is corruption.
fn from_unix(seconds: i64, column: &str) -> Result<OffsetDateTime, Error> {
    OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| Error::Corrupt {
        column: column.to_owned(),
    })
}
