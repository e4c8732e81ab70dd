use super::{
    BEGINNING, KINDS_OF_NOBODY, Kind, OLDEST_UNANSWERED, REFUSALS_OF_NOBODY, REQUEST, with_places,
};
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

#[test]
fn what_may_be_forgotten_is_what_the_statements_delete() {
    let quoted = |kind: &str| format!("'{kind}'");
    for kind in KINDS_OF_NOBODY {
        assert!(REFUSALS_OF_NOBODY.contains(&quoted(kind)), "{kind}");
    }
    let named = REFUSALS_OF_NOBODY.matches('\'').count() / 2;
    assert_eq!(named, KINDS_OF_NOBODY.len());
    let of_requests = REQUEST.iter().find(|it| it.contains("FROM event"));
    assert!(of_requests.is_some_and(|it| it.contains(&quoted(BEGINNING))));
}
