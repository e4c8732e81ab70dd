//! `cardea clients rotate-secret`

use std::io::{self, Write};

use clap::Args;
use serde::Serialize;
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use super::{Answer, Complaint, One, Registry};
use crate::command::terminal_text::shown;

/// Arguments of `rotate-secret`.
#[derive(Debug, Args)]
pub(in crate::command) struct RotateArguments {
    #[command(flatten)]
    pub(super) one: One,
    /// How long the secret that is replaced is accepted yet, such as 90s, 30m, 24h or 7d; 30 days
    /// at most. Without it, it is refused at once.
    #[arg(long, default_value = "0s", value_parser = parse_duration)]
    overlap: Duration,
}

/// The new secret.
#[derive(Serialize)]
pub(super) struct Rotated {
    client_id: String,
    secret: String,
    #[serde(with = "time::serde::rfc3339::option")]
    previous_secret_accepted_until: Option<OffsetDateTime>,
}

pub(super) async fn run(arguments: &RotateArguments) -> Result<Rotated, Complaint> {
    let client_id = arguments.one.client_id.as_str();
    let overlap = arguments.overlap;
    let registry = Registry::open(&arguments.one.common.config).await?;
    let rotated = registry
        .registrations
        .rotate_secret(client_id, overlap)
        .await;
    let configured = registry
        .find_configured(client_id)
        .map(|it| it.file.clone());
    registry.close().await;
    match (rotated, configured) {
        (Ok(rotated), _) => Ok(Rotated {
            client_id: client_id.to_owned(),
            secret: rotated.secret.expose().to_owned(),
            previous_secret_accepted_until: rotated.previous_accepted_until,
        }),
        (Err(cardea_provider::Error::ClientUnknown), Some(file)) => {
            Err(Complaint::configured(client_id, file))
        }
        (Err(error), _) => Err(error.into()),
    }
}

impl Answer for Rotated {
    fn write_text(&self, output: &mut dyn Write) -> io::Result<()> {
        writeln!(output, "client_id: {}", shown(&self.client_id))?;
        writeln!(output, "secret: {}", self.secret)?;
        match self.previous_secret_accepted_until {
            Some(until) => {
                let until = until.format(&Rfc3339).unwrap_or_default();
                writeln!(output, "The replaced secret is accepted until {until}.")
            }
            None => writeln!(output, "The replaced secret is refused within two seconds."),
        }
    }
}

/// A whole number with its unit.
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || "must be a whole number with s, m, h or d, such as 24h".to_owned();
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let count = text.strip_suffix(unit).unwrap_or_default();
    let count: u32 = count.parse().map_err(|_| wrong())?;
    Ok(Duration::seconds(i64::from(count) * seconds))
}

#[cfg(test)]
mod tests {
    use time::Duration;

    use super::parse_duration;

    #[test]
    fn an_overlap_has_a_unit() {
        for (text, seconds) in [
            ("0s", 0),
            ("90s", 90),
            ("30m", 1800),
            ("24h", 86_400),
            ("7d", 604_800),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::seconds(seconds)),
                "{text}"
            );
        }
        for text in ["", "24", "h", "-1h", "1.5h", "1w", "é", "4294967296s"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
