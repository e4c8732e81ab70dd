//! What the agent's settings say of business software: the clients that were registered for it.

use anyhow::{Context, Result};
use toml::{Table, Value};

/// The grant that gets tokens for a card without a browser.
const CARD_GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// The section of the agent's settings that lets in the clients of a clients file that have the
/// card grant, each with its APIs; empty where there are none.
pub(super) fn section(clients_file: &str) -> Result<String> {
    let file: Table = clients_file.parse().context("it is no TOML")?;
    let clients = file.get("client").and_then(Value::as_array);
    let mut allowed = Vec::new();
    for client in clients.into_iter().flatten() {
        if !texts(client, "grant_types").any(|grant| grant == CARD_GRANT) {
            continue;
        }
        let id = client.get("client_id").and_then(Value::as_str);
        let id = id.context("a client has no client_id")?;
        allowed.push(Value::Table(allowed_client(id, texts(client, "resources"))));
    }
    if allowed.is_empty() {
        return Ok(String::new());
    }
    let section = Table::from_iter([
        ("enabled".to_owned(), Value::Boolean(true)),
        ("client".to_owned(), Value::Array(allowed)),
    ]);
    let whole = Table::from_iter([("business_software".to_owned(), Value::Table(section))]);
    Ok(format!("\n{whole}"))
}

/// The agent makes proofs for each API's own address and for all below it.
fn allowed_client<'a>(id: &str, apis: impl Iterator<Item = &'a str>) -> Table {
    let addresses = apis.flat_map(|api| {
        let below = (!api.ends_with('/')).then(|| format!("{api}/"));
        [Some(api.to_owned()), below].into_iter().flatten()
    });
    Table::from_iter([
        ("client_id".to_owned(), Value::String(id.to_owned())),
        (
            "addresses".to_owned(),
            Value::Array(addresses.map(Value::String).collect()),
        ),
    ])
}

fn texts<'a>(client: &'a Value, key: &str) -> impl Iterator<Item = &'a str> {
    let list = client.get(key).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::section;

    #[test]
    fn clients_with_the_card_grant_are_let_in_and_no_others() {
        let clients = "[[client]]\nclient_id = \"portal\"\ngrant_types = [\"authorization_code\"]\n\
            [[client]]\nclient_id = \"soft\"\n\
            grant_types = [\"urn:ietf:params:oauth:grant-type:jwt-bearer\"]\n\
            resources = [\"https://api.example\", \"https://api.example/v1/\"]\n";
        let section = section(clients).unwrap();
        assert!(section.contains("enabled = true"), "{section}");
        assert!(section.contains("\"soft\""), "{section}");
        assert!(!section.contains("portal"), "{section}");
        let addresses =
            "[\"https://api.example\", \"https://api.example/\", \"https://api.example/v1/\"]";
        assert!(section.contains(addresses), "{section}");
    }

    #[test]
    fn without_such_a_client_programs_get_nothing() {
        assert_eq!(section("[[client]]\nclient_id = \"x\"\n").unwrap(), "");
        assert!(section("[[client]\n").is_err());
        assert!(
            section("[[client]]\ngrant_types = [\"urn:ietf:params:oauth:grant-type:jwt-bearer\"]")
                .is_err()
        );
    }
}
