//! `cardea-vcard issue`, `revoke` and `show`.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use cardea_test_pki::{
    CardFamily, CardProfile, KeyKind, PersonIdentifier, Profession, PublicationSettings, Structure,
    StructureIdentifier,
};
use cardea_virtual_card::{
    CardDirectory, Condition, DEFAULT_PIN, DEFAULT_PUK, PkiDirectory, ReferenceData, settings_for,
};
use clap::{Args, ValueEnum};
use serde_json::json;

use super::card_process::CardProcess;
use super::{KeyOption, open_card, open_pki, say};
use crate::clock::now;

/// Families of cards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ProfileOption {
    /// Practising professional (CPS).
    Cps,
    /// Professional in training (CPF).
    Cpf,
    /// Director or employee of an establishment (CPE).
    Cpe,
    /// Authorised staff (CPA).
    Cpa,
}

impl From<ProfileOption> for CardFamily {
    fn from(option: ProfileOption) -> Self {
        match option {
            ProfileOption::Cps => Self::Cps,
            ProfileOption::Cpf => Self::Cpf,
            ProfileOption::Cpe => Self::Cpe,
            ProfileOption::Cpa => Self::Cpa,
        }
    }
}

/// What to issue.
#[derive(Debug, Args)]
pub(crate) struct IssueArguments {
    /// Family of the card.
    #[arg(long, value_enum)]
    profile: ProfileOption,
    /// Profession code: TRE_G15 for cps (10 doctor, 21 pharmacist, 60 nurse …), TRE_G16 for cpf
    /// (10, 21, 40, 50 in training). Establishment cards have none.
    #[arg(long)]
    profession: Option<u8>,
    /// Given name and family name of an invented person; the family name is the last word, or all
    /// words in capitals at the end: "Camille DURAND", "Jean-Noël DE LA TOUR".
    #[arg(long)]
    name: String,
    /// RPPS number: 11 digits, or 12 starting with the type code 8.
    #[arg(long, group = "identifier")]
    rpps: Option<String>,
    /// ADELI number: 9 letters or digits.
    #[arg(long, group = "identifier")]
    adeli: Option<String>,
    /// Establishment and register number: FFFFFFFFF/REGISTER.
    #[arg(long, group = "identifier")]
    finess_register: Option<String>,
    /// Name of the establishment (cpe, cpa).
    #[arg(long, default_value = "HOPITAL DES TESTS")]
    structure_name: String,
    /// FINESS number of the establishment (cpe, cpa).
    #[arg(long, default_value = "0B0000011")]
    structure_finess: String,
    /// Department of the establishment (cpe, cpa).
    #[arg(long, default_value = "Paris (75)")]
    department: String,
    /// Kind of the card's keys.
    #[arg(long, value_enum, default_value = "rsa2048")]
    key: KeyOption,
    /// PIN, 4 to 8 digits.
    #[arg(long, default_value = DEFAULT_PIN)]
    pin: String,
    /// PIN unblocking key, 4 to 8 digits.
    #[arg(long, default_value = DEFAULT_PUK)]
    puk: String,
    /// Card number, <issuer 10 digits>/<card 10 digits> [default: a random one].
    #[arg(long)]
    card_number: Option<String>,
    #[command(flatten)]
    condition: ConditionArguments,
    /// Give the card a further key that signs without a PIN, for `insert --contactless`.
    #[arg(long)]
    contactless: bool,
    /// Folder of the PKI; made when it does not exist [default: `pki` beside the card's folder].
    #[arg(long)]
    pki: Option<PathBuf>,
    /// Folder of the card to make.
    #[arg(long)]
    out: PathBuf,
    /// Print one JSON document about the card, PIN included.
    #[arg(long)]
    json: bool,
}

/// The card's state; a good card without any of these.
#[derive(Debug, Args)]
#[group(multiple = false)]
struct ConditionArguments {
    /// Make certificates that ended yesterday.
    #[arg(long)]
    expired: bool,
    /// Make certificates that begin tomorrow.
    #[arg(long)]
    not_yet_valid: bool,
    /// Make certificates that end in so many days.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..))]
    expires_in_days: Option<u16>,
    /// Revoke both certificates at once.
    #[arg(long)]
    revoked: bool,
    /// Leave the PIN no try.
    #[arg(long)]
    blocked_pin: bool,
}

impl ConditionArguments {
    fn condition(&self) -> Condition {
        match self {
            Self { expired: true, .. } => Condition::Expired,
            Self {
                not_yet_valid: true,
                ..
            } => Condition::NotYetValid,
            Self {
                expires_in_days: Some(days),
                ..
            } => Condition::ExpiresIn { days: *days },
            Self { revoked: true, .. } => Condition::Revoked,
            Self {
                blocked_pin: true, ..
            } => Condition::BlockedPin,
            _ => Condition::Good,
        }
    }
}

/// Issues a card into a folder.
pub(crate) fn issue(arguments: &IssueArguments) -> anyhow::Result<()> {
    CardDirectory::check_free(&arguments.out)?;
    let profile = profile(arguments)?;
    let pin = ReferenceData::parse(&arguments.pin).context("--pin")?;
    let puk = ReferenceData::parse(&arguments.puk).context("--puk")?;
    let pki_path = pki_beside(&arguments.out, arguments.pki.as_deref());
    let addresses = PublicationSettings::default();
    let at = now();
    let settings = settings_for(
        &addresses.base_url,
        &addresses.ocsp_url,
        KeyKind::Rsa4096,
        at,
    );
    let pki = PkiDirectory::open_or_init(&pki_path, &settings)?;
    let condition = arguments.condition.condition();
    let directory = condition.issue(&pki, &arguments.out, &profile, (pin, puk), at)?;
    let description = directory.description();
    if arguments.contactless {
        let certificate = pki.issue_contactless(&profile, &description.card_number, at)?;
        directory.add_contactless_key(&certificate)?;
    }
    if arguments.json {
        let mut document = serde_json::to_value(description)?;
        if let Some(members) = document.as_object_mut() {
            members.insert("pin".to_owned(), json!(arguments.pin));
            members.insert("puk".to_owned(), json!(arguments.puk));
            members.insert("card_dir".to_owned(), json!(arguments.out));
            members.insert("pki_dir".to_owned(), json!(pki_path));
        }
        return say(&document.to_string());
    }
    say(&format!(
        "{} card of {} {} ({}) in {}, PIN {}",
        description.family.to_uppercase(),
        description.given_name,
        description.family_name,
        description.title,
        arguments.out.display(),
        arguments.pin
    ))
}

/// Revokes both certificates of a card.
pub(crate) fn revoke(card: &Path, pki: Option<&Path>) -> anyhow::Result<()> {
    let directory = open_card(card)?;
    let pki = open_pki(&pki_beside(card, pki))?;
    directory.revoke(&pki, now())?;
    say(&format!(
        "revoked the card {} ({})",
        directory.description().card_number,
        directory.issuer()?
    ))
}

/// Prints what a card's folder holds.
pub(crate) fn show(card: &Path, json: bool) -> anyhow::Result<()> {
    let directory = open_card(card)?;
    let memory = cardea_virtual_card::MemoryStore::load(&mut directory.memory())?;
    let description = directory.description();
    if json {
        let mut document = serde_json::to_value(description)?;
        if let Some(members) = document.as_object_mut() {
            members.insert("pin_tries_left".to_owned(), json!(memory.pin.tries_left));
            members.insert("puk_tries_left".to_owned(), json!(memory.puk.tries_left));
            let inserted = CardProcess::find(&directory).is_some();
            members.insert("inserted".to_owned(), json!(inserted));
        }
        return say(&document.to_string());
    }
    say(&format!(
        "{} card {} of {} {} ({}), {} PIN tries left",
        description.family.to_uppercase(),
        description.card_number,
        description.given_name,
        description.family_name,
        description.title,
        memory.pin.tries_left
    ))
}

/// The PKI that a card belongs to unless another is named.
fn pki_beside(card: &Path, named: Option<&Path>) -> PathBuf {
    match named {
        Some(path) => path.to_owned(),
        None => card.parent().unwrap_or(Path::new(".")).join("pki"),
    }
}

fn profile(arguments: &IssueArguments) -> anyhow::Result<CardProfile> {
    let (given_name, family_name) = split_name(&arguments.name)?;
    let family = CardFamily::from(arguments.profile);
    let is_establishment = matches!(family, CardFamily::Cpe | CardFamily::Cpa);
    let profession = match (family, arguments.profession) {
        (CardFamily::Cps, Some(code)) => Some(Profession::Practising(code)),
        (CardFamily::Cpf, Some(code)) => Some(Profession::InTraining(code)),
        (_, None) if is_establishment => None,
        (_, None) => bail!(
            "--profession is needed for {}, for example 10 (doctor) or 21 (pharmacist)",
            family.as_str()
        ),
        (_, Some(_)) => bail!("{} cards name no profession", family.as_str()),
    };
    if let Some(profession) = profession {
        profession.title().context("--profession")?;
    }
    Ok(CardProfile {
        family,
        given_name,
        family_name,
        identifier: identifier(arguments)?,
        profession,
        structure: is_establishment.then(|| Structure {
            department: arguments.department.clone(),
            name: arguments.structure_name.clone(),
            identifier: StructureIdentifier::Finess(arguments.structure_finess.clone()),
        }),
        key: card_key(arguments.key)?,
        card_number: arguments.card_number.clone(),
    })
}

pub(super) fn card_key(option: KeyOption) -> anyhow::Result<KeyKind> {
    if option == KeyOption::Rsa4096 {
        bail!("--key: a PIV card holds rsa2048 or p256 keys");
    }
    Ok(option.into())
}

fn identifier(arguments: &IssueArguments) -> anyhow::Result<PersonIdentifier> {
    let identifier = match (
        &arguments.rpps,
        &arguments.adeli,
        &arguments.finess_register,
    ) {
        (Some(rpps), ..) => PersonIdentifier::rpps(rpps).context("--rpps")?,
        (_, Some(adeli), _) => PersonIdentifier::adeli(adeli).context("--adeli")?,
        (.., Some(register)) => {
            PersonIdentifier::finess_register(register).context("--finess-register")?
        }
        _ => bail!("one of --rpps, --adeli and --finess-register is needed"),
    };
    Ok(identifier)
}

/// Given name and family name: the words in capitals at the end, or else the last word.
fn split_name(name: &str) -> anyhow::Result<(String, String)> {
    let words: Vec<&str> = name.split_whitespace().collect();
    let capitals = words
        .iter()
        .rev()
        .take_while(|word| is_in_capitals(word))
        .count();
    let family_words = capitals.clamp(1, words.len().saturating_sub(1).max(1));
    let split = words.len().saturating_sub(family_words);
    match words.split_at_checked(split) {
        Some((given, family)) if !given.is_empty() => Ok((given.join(" "), family.join(" "))),
        _ => bail!("--name needs a given name and a family name, such as \"Camille DURAND\""),
    }
}

fn is_in_capitals(word: &str) -> bool {
    !word.chars().any(char::is_lowercase)
}

#[cfg(test)]
mod tests {
    use super::split_name;

    #[test]
    fn family_name_is_what_stands_in_capitals_at_the_end() {
        let cases = [
            ("Camille DURAND", "Camille", "DURAND"),
            ("Camille Durand", "Camille", "Durand"),
            ("Jean-Noël DE LA TOUR", "Jean-Noël", "DE LA TOUR"),
            ("Anne Marie DURAND", "Anne Marie", "DURAND"),
            ("CAMILLE DURAND", "CAMILLE", "DURAND"),
        ];
        for (name, given, family) in cases {
            assert_eq!(
                split_name(name).unwrap(),
                (given.to_owned(), family.to_owned())
            );
        }
        for name in ["", "DURAND", "  "] {
            assert!(split_name(name).is_err(), "{name:?}");
        }
    }
}
