//! `cardea-vcard issue-all`: a folder of cards for a sandbox.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use cardea_test_pki::{KeyKind, PublicationSettings};
use cardea_virtual_card::{
    CardDirectory, DEFAULT_PIN, DEFAULT_PUK, DeckCard, Outcome, PkiDirectory, ReferenceData, deck,
    settings_for,
};
use clap::Args;
use serde_json::{Value, json};

use super::issue::card_key;
use super::{KeyOption, say};
use crate::clock::now;

const INDEX_FILE: &str = "index.json";
const README_FILE: &str = "README.md";

/// Where the cards go.
#[derive(Debug, Args)]
pub(crate) struct IssueAllArguments {
    /// Folder for the cards, one folder a card; index.json and README.md say which is which.
    #[arg(long)]
    out: PathBuf,
    /// Folder of the PKI; made when it does not exist [default: `pki` in the folder of the cards].
    #[arg(long)]
    pki: Option<PathBuf>,
    /// Kind of the cards' keys.
    #[arg(long, value_enum, default_value = "rsa2048")]
    key: KeyOption,
    /// PIN of every card, 4 to 8 digits.
    #[arg(long, default_value = DEFAULT_PIN)]
    pin: String,
    /// Print the index as one JSON document.
    #[arg(long)]
    json: bool,
}

/// Makes every card of the deck.
pub(crate) fn issue_all(arguments: &IssueAllArguments) -> anyhow::Result<()> {
    let at = now();
    let key = card_key(arguments.key)?;
    let pin = ReferenceData::parse(&arguments.pin).context("--pin")?;
    let puk = ReferenceData::parse(DEFAULT_PUK)?;
    let addresses = PublicationSettings::default();
    let settings = settings_for(
        &addresses.base_url,
        &addresses.ocsp_url,
        KeyKind::Rsa4096,
        at,
    );
    let pki_path = match &arguments.pki {
        Some(path) => path.clone(),
        None => arguments.out.join("pki"),
    };
    let pki = PkiDirectory::open_or_init(&pki_path, &settings)?;
    let mut entries = Vec::new();
    for card in deck(key)? {
        let folder = arguments.out.join(&card.folder);
        let secrets = (pin.clone(), puk.clone());
        let made = card
            .condition
            .issue(&pki, &folder, &card.profile, secrets, at)?;
        entries.push(entry_of(&card, &made, &arguments.pin));
    }
    let readme = readme_of(&entries);
    write(&arguments.out.join(README_FILE), &readme)?;
    let index = json!({ "pki": pki_path, "cards": entries });
    write(
        &arguments.out.join(INDEX_FILE),
        &format!("{}\n", serde_json::to_string_pretty(&index)?),
    )?;
    if arguments.json {
        return say(&index.to_string());
    }
    say(&format!(
        "{} cards in {}; {README_FILE} says which is which",
        entries.len(),
        arguments.out.display()
    ))
}

fn entry_of(card: &DeckCard, made: &CardDirectory, pin: &str) -> Value {
    let description = made.description();
    let (outcome, code) = match card.condition.outcome() {
        Outcome::SignedIn => ("signed_in", None),
        Outcome::RefusedByServer(code) => ("refused_by_server", Some(code)),
        Outcome::RefusedByCard(code) => ("refused_by_card", Some(code)),
    };
    let profession = card.profile.profession.map(|profession| {
        let code = profession.code().to_string();
        json!({ "code": code, "system": profession.terminology() })
    });
    json!({
        "folder": card.folder,
        "family": description.family,
        "given_name": description.given_name,
        "family_name": description.family_name,
        "identifier": description.identifier,
        "title": description.title,
        "profession": profession,
        "condition": card.condition.as_str(),
        "pin": pin,
        "expected": { "outcome": outcome, "code": code },
    })
}

/// The same list for people.
fn readme_of(entries: &[Value]) -> String {
    let mut text = String::from(
        "# Test cards\n\nEvery person is invented. Plug a card in with\n\
         `cardea-vcard insert FOLDER --vpcd HOST:PORT`, pull it with\n\
         `cardea-vcard remove FOLDER`.\n\n\
         | folder | holder | title | number | PIN | what a login comes to |\n\
         |---|---|---|---|---|---|\n",
    );
    for entry in entries {
        let word = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
        let expected = |name: &str| entry.pointer(&format!("/expected/{name}"))?.as_str();
        let outcome = match (expected("outcome"), expected("code")) {
            (Some("refused_by_server"), Some(code)) => format!("refused by the server: `{code}`"),
            (Some("refused_by_card"), Some(code)) => format!("the card does not sign: `{code}`"),
            _ => "signed in".to_owned(),
        };
        let cells = [
            format!("`{}`", word("folder")),
            format!("{} {}", word("given_name"), word("family_name")),
            word("title").to_owned(),
            word("identifier").to_owned(),
            word("pin").to_owned(),
            outcome,
        ];
        text.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    text
}

fn write(path: &Path, content: &str) -> anyhow::Result<()> {
    fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))
}
