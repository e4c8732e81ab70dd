//! The tables that there are, read from the database itself: a table that a migration adds is in
//! the next backup without a word here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::sql;
use crate::{Error, Store, Transaction};

/// Tables that others refer to, each before those that refer to it; all others come after them. A
/// test looks.
const PARENTS: [&str; 5] = [
    "subject",
    "session",
    "authorization_request",
    "client_session",
    "refresh_token_family",
];

const OF_SQLITE: &str =
    "SELECT m.name AS table_name, p.name AS column_name, p.type AS data_type, p.pk AS key_place
     FROM sqlite_master AS m, pragma_table_info(m.name) AS p
     WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%'
     ORDER BY m.name, p.cid";
const OF_POSTGRESQL: &str =
    "SELECT CAST(c.table_name AS TEXT) AS table_name, CAST(c.column_name AS TEXT) AS column_name,
            CAST(c.data_type AS TEXT) AS data_type,
            CAST(COALESCE(k.place, 0) AS BIGINT) AS key_place
     FROM information_schema.columns AS c
     LEFT JOIN (SELECT u.table_name, u.column_name, u.ordinal_position AS place
                FROM information_schema.key_column_usage AS u
                JOIN information_schema.table_constraints AS n
                    ON n.constraint_schema = u.constraint_schema
                    AND n.constraint_name = u.constraint_name AND n.table_name = u.table_name
                WHERE n.constraint_type = 'PRIMARY KEY' AND n.table_schema = current_schema()) AS k
         ON k.table_name = c.table_name AND k.column_name = c.column_name
     WHERE c.table_schema = current_schema()
     ORDER BY c.table_name, c.ordinal_position";

/// A table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Its columns, in the order of the file's rows.
    pub columns: Vec<Column>,
    /// The columns of its primary key, in the key's order.
    pub key: Vec<String>,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Whether it holds whole numbers; else it holds text.
    pub integer: bool,
}

/// Every table but the migrator's own, parents first.
pub(super) async fn tables(
    store: &Store,
    transaction: &mut Transaction,
) -> Result<Vec<Table>, Error> {
    let statement = match store.engine_name() {
        "sqlite" => OF_SQLITE,
        _ => OF_POSTGRESQL,
    };
    let rows = sql::query(statement)
        .fetch_all(transaction.connection())
        .await?;
    let mut found: BTreeMap<String, (Vec<Column>, BTreeMap<i64, String>)> = BTreeMap::new();
    for row in &rows {
        let table: String = row.try_get("table_name")?;
        let name: String = row.try_get("column_name")?;
        if table.starts_with('_') {
            continue;
        }
        check_name(&table)?;
        check_name(&name)?;
        let kind: String = row.try_get("data_type")?;
        let place: i64 = row.try_get("key_place")?;
        let (columns, key) = found.entry(table).or_default();
        if place > 0 {
            key.insert(place, name.clone());
        }
        let integer = kind.eq_ignore_ascii_case("bigint");
        columns.push(Column { name, integer });
    }
    let mut tables: Vec<Table> = found
        .into_iter()
        .map(|(name, (columns, key))| Table {
            name,
            columns,
            key: key.into_values().collect(),
        })
        .collect();
    tables.sort_by_key(|table| place_of(&table.name));
    Ok(tables)
}

fn place_of(table: &str) -> usize {
    let place = PARENTS.iter().position(|parent| *parent == table);
    place.unwrap_or(PARENTS.len())
}

/// Names go into statements as they are.
fn check_name(name: &str) -> Result<(), Error> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if !name.is_empty() && name.bytes().all(is_plain) {
        Ok(())
    } else {
        Err(Error::Corrupt {
            column: format!("the name of the table or column {name:?}"),
        })
    }
}

impl Table {
    /// The columns as a statement lists them.
    pub(super) fn list(&self) -> String {
        let quoted: Vec<_> = self.columns.iter().map(|it| quoted(&it.name)).collect();
        quoted.join(", ")
    }
}

pub(super) fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_is_referred_to_stands_first() {
        let store = Store::open_in_memory().await.unwrap();
        let mut transaction = store.begin().await.unwrap();
        let tables = tables(&store, &mut transaction).await.unwrap();
        let place = |name: &str| tables.iter().position(|it| it.name == name).unwrap();
        let statement = "SELECT m.name AS child, f.\"table\" AS parent
             FROM sqlite_master AS m, pragma_foreign_key_list(m.name) AS f WHERE m.type = 'table'";
        let rows = sql::query(statement);
        let rows = rows.fetch_all(transaction.connection()).await.unwrap();
        assert!(!rows.is_empty());
        for row in &rows {
            let [child, parent]: [String; 2] =
                ["child", "parent"].map(|name| row.try_get(name).unwrap());
            assert!(place(&parent) < place(&child), "{parent} before {child}");
        }
        for table in &tables {
            assert!(!table.key.is_empty(), "{} has a primary key", table.name);
        }
    }
}
