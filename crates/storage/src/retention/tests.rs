use super::{Kind, OLDEST_UNANSWERED, with_places};
use crate::sql;
use crate::{Store, Transaction};

async fn plan(transaction: &mut Transaction, statement: String) -> Vec<String> {
    let explain = format!("EXPLAIN QUERY PLAN {statement}");
    let mut query = sql::query_built(explain);
    for _ in 0..statement.matches('$').count() {
        query = query.bind(1_i64);
    }
    let rows = query.fetch_all(transaction.connection()).await.unwrap();
    rows.iter()
        .map(|row| row.try_get("detail").unwrap())
        .collect()
}

/// Attack H9: a delete that reads a whole table keeps everybody from the writer.
#[tokio::test]
async fn nothing_that_is_forgotten_is_looked_for_in_a_whole_table() {
    let store = Store::open_in_memory().await.unwrap();
    let mut transaction = store.begin().await.unwrap();
    let mut statements = vec![OLDEST_UNANSWERED.to_owned()];
    for kind in Kind::ALL {
        statements.push(kind.due().to_owned());
        for &delete in kind.deletes() {
            statements.push(with_places(delete, 3).0);
        }
    }
    for statement in statements {
        let steps = plan(&mut transaction, statement.clone()).await;
        assert!(!steps.is_empty());
        for step in steps {
            assert!(!step.starts_with("SCAN"), "{step}\n{statement}");
            assert!(!step.contains("session_by_state"), "{step}\n{statement}");
        }
    }
}
