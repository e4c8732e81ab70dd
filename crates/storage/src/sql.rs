//! One way to say a statement to either database.
//!
//! SQLite runs in the thread of whoever asks: a statement takes some microseconds, and handing it
//! to a thread and back costs more than the statement. PostgreSQL is asked over its socket.

use std::borrow::Cow;

use sqlx::any::AnyRow;
use sqlx::{Any, AssertSqlSafe, Row as _, SqlSafeStr as _, SqlStr};

use crate::Error;
use crate::sqlite::{Cell, SqliteRow, SqliteTransaction};

/// A statement; the same text for both databases.
pub(crate) fn query<'q>(text: &'static str) -> Query<'q> {
    Query {
        text: Cow::Borrowed(text),
        values: Vec::new(),
    }
}

/// A statement whose text was put together here, from static pieces alone. It is not kept prepared.
pub(crate) fn query_built<'q>(text: String) -> Query<'q> {
    Query {
        text: Cow::Owned(text),
        values: Vec::new(),
    }
}

/// The connection that a transaction runs on.
pub(crate) enum Connection {
    Sqlite(SqliteTransaction),
    Postgres(sqlx::Transaction<'static, Any>),
}

pub(crate) struct Query<'q> {
    text: Cow<'static, str>,
    values: Vec<Value<'q>>,
}

/// A value for a place in a statement; PostgreSQL wants to know the type of one that is missing.
pub(crate) enum Value<'q> {
    Integer(Option<i64>),
    Text(Option<Cow<'q, str>>),
}

/// What a statement did.
pub(crate) struct Done {
    rows_affected: u64,
}

impl Done {
    pub(crate) fn rows_affected(&self) -> u64 {
        self.rows_affected
    }
}

impl<'q> Query<'q> {
    /// Gives the value of the next place: `$1`, `$2` and so on.
    #[must_use]
    pub(crate) fn bind(mut self, value: impl Into<Value<'q>>) -> Self {
        self.values.push(value.into());
        self
    }

    pub(crate) async fn execute(self, connection: &mut Connection) -> Result<Done, Error> {
        let rows_affected = match connection {
            Connection::Sqlite(sqlite) => sqlite.execute(&self.text, &self.values).await?,
            Connection::Postgres(postgres) => {
                let done = self.for_postgres().execute(&mut **postgres).await?;
                done.rows_affected()
            }
        };
        Ok(Done { rows_affected })
    }

    pub(crate) async fn fetch_all(self, connection: &mut Connection) -> Result<Vec<Row>, Error> {
        match connection {
            Connection::Sqlite(sqlite) => {
                let rows = sqlite.fetch(&self.text, &self.values, usize::MAX).await?;
                Ok(rows.into_iter().map(Row::Sqlite).collect())
            }
            Connection::Postgres(postgres) => {
                let rows = self.for_postgres().fetch_all(&mut **postgres).await?;
                Ok(rows.into_iter().map(Row::Postgres).collect())
            }
        }
    }

    pub(crate) async fn fetch_optional(
        self,
        connection: &mut Connection,
    ) -> Result<Option<Row>, Error> {
        match connection {
            Connection::Sqlite(sqlite) => {
                let mut rows = sqlite.fetch(&self.text, &self.values, 1).await?;
                Ok(rows.pop().map(Row::Sqlite))
            }
            Connection::Postgres(postgres) => {
                let row = self.for_postgres().fetch_optional(&mut **postgres).await?;
                Ok(row.map(Row::Postgres))
            }
        }
    }

    pub(crate) async fn fetch_one(self, connection: &mut Connection) -> Result<Row, Error> {
        let row = self.fetch_optional(connection).await?;
        row.ok_or_else(|| Error::from(sqlx::Error::RowNotFound))
    }

    fn for_postgres(&self) -> sqlx::query::Query<'_, Any, sqlx::any::AnyArguments> {
        let (text, is_kept): (SqlStr, bool) = match &self.text {
            Cow::Borrowed(text) => ((*text).into_sql_str(), true),
            Cow::Owned(text) => (AssertSqlSafe(text.as_str()).into_sql_str(), false),
        };
        let mut query = sqlx::query(text).persistent(is_kept);
        for value in &self.values {
            query = match value {
                Value::Integer(value) => query.bind(*value),
                Value::Text(value) => query.bind(value.as_deref()),
            };
        }
        query
    }
}

/// A row that a statement gave.
pub(crate) enum Row {
    Sqlite(SqliteRow),
    Postgres(AnyRow),
}

impl Row {
    /// The value in a column.
    pub(crate) fn try_get<'r, T: Column<'r>>(&'r self, column: &str) -> Result<T, Error> {
        let found = match self {
            Self::Sqlite(row) => row.find(column).and_then(T::from_cell),
            Self::Postgres(row) => return Ok(T::from_any(row, column)?),
        };
        found.ok_or_else(|| Error::Corrupt {
            column: column.to_owned(),
        })
    }
}

/// What a column can be read as.
pub(crate) trait Column<'r>: Sized {
    fn from_cell(cell: &'r Cell) -> Option<Self>;
    fn from_any(row: &'r AnyRow, column: &str) -> Result<Self, sqlx::Error>;
}

impl<'r> Column<'r> for i64 {
    fn from_cell(cell: &'r Cell) -> Option<Self> {
        match cell {
            Cell::Integer(value) => Some(*value),
            _ => None,
        }
    }

    fn from_any(row: &'r AnyRow, column: &str) -> Result<Self, sqlx::Error> {
        row.try_get(column)
    }
}

impl<'r> Column<'r> for &'r str {
    fn from_cell(cell: &'r Cell) -> Option<Self> {
        match cell {
            Cell::Text(value) => Some(value),
            _ => None,
        }
    }

    fn from_any(row: &'r AnyRow, column: &str) -> Result<Self, sqlx::Error> {
        row.try_get(column)
    }
}

impl<'r> Column<'r> for String {
    fn from_cell(cell: &'r Cell) -> Option<Self> {
        <&str>::from_cell(cell).map(str::to_owned)
    }

    fn from_any(row: &'r AnyRow, column: &str) -> Result<Self, sqlx::Error> {
        row.try_get(column)
    }
}

impl<'r> Column<'r> for Option<i64> {
    fn from_cell(cell: &'r Cell) -> Option<Self> {
        match cell {
            Cell::Null => Some(None),
            _ => i64::from_cell(cell).map(Some),
        }
    }

    fn from_any(row: &'r AnyRow, column: &str) -> Result<Self, sqlx::Error> {
        row.try_get(column)
    }
}

impl<'r> Column<'r> for Option<String> {
    fn from_cell(cell: &'r Cell) -> Option<Self> {
        match cell {
            Cell::Null => Some(None),
            _ => String::from_cell(cell).map(Some),
        }
    }

    fn from_any(row: &'r AnyRow, column: &str) -> Result<Self, sqlx::Error> {
        row.try_get(column)
    }
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Self::Integer(Some(value))
    }
}

impl From<Option<i64>> for Value<'_> {
    fn from(value: Option<i64>) -> Self {
        Self::Integer(value)
    }
}

impl<'q> From<&'q str> for Value<'q> {
    fn from(value: &'q str) -> Self {
        Self::Text(Some(Cow::Borrowed(value)))
    }
}

impl<'q> From<Option<&'q str>> for Value<'q> {
    fn from(value: Option<&'q str>) -> Self {
        Self::Text(value.map(Cow::Borrowed))
    }
}

impl From<String> for Value<'_> {
    fn from(value: String) -> Self {
        Self::Text(Some(Cow::Owned(value)))
    }
}

impl From<Option<String>> for Value<'_> {
    fn from(value: Option<String>) -> Self {
        Self::Text(value.map(Cow::Owned))
    }
}
