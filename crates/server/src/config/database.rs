//! Where records are kept.

use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;

/// A SQLite file or a PostgreSQL address.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
#[non_exhaustive]
pub enum DatabaseUrl {
    /// A SQLite file, made at the first start.
    Sqlite(PathBuf),
    /// A PostgreSQL connection URL; it may hold a password, so `Debug` hides it.
    Postgres(String),
}

impl Default for DatabaseUrl {
    fn default() -> Self {
        Self::Sqlite(PathBuf::from("cardea.sqlite"))
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(file) => f.debug_tuple("Sqlite").field(file).finish(),
            Self::Postgres(_) => f.write_str("Postgres(redacted)"),
        }
    }
}

impl TryFrom<String> for DatabaseUrl {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if let Some(file) = text
            .strip_prefix("sqlite://")
            .or_else(|| text.strip_prefix("sqlite:"))
        {
            if file.is_empty() || file.contains(['?', '#']) {
                return Err("must name a file: sqlite:///var/lib/cardea/cardea.sqlite");
            }
            return Ok(Self::Sqlite(PathBuf::from(file)));
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Postgres(text));
        }
        Err("must begin with sqlite:// or postgres://")
    }
}

#[cfg(test)]
mod tests {
    use super::DatabaseUrl;

    #[test]
    fn two_databases_are_known() {
        let cases = [
            ("relative file", "sqlite://cardea.sqlite", true),
            ("absolute file", "sqlite:///var/lib/cardea.sqlite", true),
            ("postgres", "postgres://cardea@db.example.test/cardea", true),
            ("no file", "sqlite://", false),
            ("options", "sqlite://file?mode=ro", false),
            ("other", "mysql://db.example.test/cardea", false),
        ];
        for (name, text, accepted) in cases {
            assert_eq!(
                DatabaseUrl::try_from(text.to_owned()).is_ok(),
                accepted,
                "{name}"
            );
        }
    }

    #[test]
    fn password_is_not_shown() {
        let url = DatabaseUrl::Postgres("postgres://cardea:hidden@db/cardea".into());
        assert!(!format!("{url:?}").contains("hidden"));
    }
}
