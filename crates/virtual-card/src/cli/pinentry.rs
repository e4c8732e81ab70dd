//! `cardea-vcard pinentry`: answers as a pinentry program would, from a script.
//!
//! It speaks the Assuan protocol on standard input and output. Each prompt is a process of its
//! own, so the place in the script follows from the answers in the log beside it. The log holds
//! everything that was shown to the person, and never a PIN.

use std::fs::{self, OpenOptions};
use std::io::{BufRead, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Longest Assuan line, and then some.
const LINE_BYTES_MAX: u64 = 8 * 1024;
/// `GPG_ERR_CANCELED` from pinentry.
const CANCELLED: &str = "ERR 83886179 Operation cancelled <Pinentry>";
/// `GPG_ERR_NOT_CONFIRMED` from pinentry.
const NOT_CONFIRMED: &str = "ERR 83886194 Not confirmed <Pinentry>";

const SCRIPT_HELP: &str = "\
The script has one JSON object a line: {\"pin\":\"1234\"}, {\"cancel\":true}, {\"confirm\":true} or
{\"confirm\":false}, each with an optional \"after_ms\". A question for a PIN takes the next pin or
cancel line, a question to confirm the next confirm line; the last line of each kind repeats. A
question without a line of its kind is cancelled.";

/// Where the answers come from.
#[derive(Debug, Args)]
#[command(after_help = SCRIPT_HELP)]
pub(crate) struct PinentryArguments {
    /// Script; FILE.log records what was shown and which answers were given.
    #[arg(long)]
    script: PathBuf,
    /// Write an executable that runs this command with this script, for programs that start a
    /// pinentry without arguments, and end.
    #[arg(long, value_name = "PATH")]
    write_wrapper: Option<PathBuf>,
    /// What else a caller hands to pinentry programs; ignored.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    ignored: Vec<String>,
}

/// A line of the script.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScriptLine {
    pin: Option<String>,
    cancel: Option<bool>,
    confirm: Option<bool>,
    #[serde(default)]
    after_ms: u64,
}

/// Which question a line answers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Question {
    Pin,
    Confirm,
}

/// A line of the log.
#[derive(Serialize, Deserialize)]
struct LogLine {
    /// The command, `SETDESC` and so on; `GETPIN`, `CONFIRM` and `MESSAGE` mark the questions.
    command: String,
    /// What was shown; for a question, how it was answered.
    text: String,
}

/// Runs one prompt.
pub(crate) fn run(arguments: &PinentryArguments) -> anyhow::Result<()> {
    if let Some(wrapper) = &arguments.write_wrapper {
        return write_wrapper(wrapper, &arguments.script);
    }
    let mut prompt = Prompt::open(&arguments.script)?;
    let mut input = std::io::stdin().lock();
    let mut output = std::io::stdout().lock();
    answer(&mut output, "OK Pleased to meet you")?;
    loop {
        let mut line = String::new();
        // The limit is per line, so that a caller cannot fill the memory.
        let read = (&mut input).take(LINE_BYTES_MAX).read_line(&mut line);
        if read.context("standard input broke")? == 0 {
            return Ok(());
        }
        let line = line.trim_end_matches(['\r', '\n']);
        let (command, parameters) = line.split_once(' ').unwrap_or((line, ""));
        let command = command.to_ascii_uppercase();
        if command == "BYE" {
            return answer(&mut output, "OK closing connection");
        }
        let reply = prompt.reply(&command, parameters)?;
        answer(&mut output, &reply)?;
    }
}

fn answer(output: &mut impl Write, lines: &str) -> anyhow::Result<()> {
    writeln!(output, "{lines}")
        .and_then(|()| output.flush())
        .context("standard output broke")
}

struct Prompt {
    lines: Vec<ScriptLine>,
    log: PathBuf,
}

impl Prompt {
    fn open(script: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(script)
            .map(Zeroizing::new)
            .with_context(|| format!("cannot read the script {}", script.display()))?;
        let mut lines = Vec::new();
        for (index, line) in text.lines().enumerate() {
            if line.trim().is_empty() {
                continue;
            }
            // The parser's own message would quote the line, which may hold a PIN.
            let Ok(line) = serde_json::from_str::<ScriptLine>(line) else {
                bail!(
                    "{}: line {} is not a script line",
                    script.display(),
                    index + 1
                );
            };
            lines.push(line);
        }
        let mut log = script.as_os_str().to_owned();
        log.push(".log");
        Ok(Self {
            lines,
            log: log.into(),
        })
    }

    fn reply(&mut self, command: &str, parameters: &str) -> anyhow::Result<Zeroizing<String>> {
        match command {
            "GETPIN" => self.pin(),
            "CONFIRM" | "MESSAGE" => self.confirm(command),
            "GETINFO" => Ok(info(parameters)),
            _ if command.starts_with("SET") => {
                self.record(command, &percent_decoded(parameters))?;
                Ok(Zeroizing::new("OK".to_owned()))
            }
            "OPTION" | "RESET" | "NOP" | "CLEARPASSPHRASE" => Ok(Zeroizing::new("OK".to_owned())),
            _ => Ok(Zeroizing::new(
                "ERR 83886355 Unknown command <Pinentry>".to_owned(),
            )),
        }
    }

    fn pin(&self) -> anyhow::Result<Zeroizing<String>> {
        let line = self.next_line(Question::Pin)?;
        match line.and_then(|line| line.pin.as_ref()) {
            Some(pin) => {
                self.record("GETPIN", "pin")?;
                Ok(Zeroizing::new(format!("D {}\nOK", pin.replace('%', "%25"))))
            }
            None => {
                self.record("GETPIN", "cancel")?;
                Ok(Zeroizing::new(CANCELLED.to_owned()))
            }
        }
    }

    fn confirm(&self, command: &str) -> anyhow::Result<Zeroizing<String>> {
        let line = self.next_line(Question::Confirm)?;
        let (text, reply) = match line.and_then(|line| line.confirm) {
            Some(true) => ("confirm", "OK"),
            Some(false) => ("refuse", NOT_CONFIRMED),
            None => ("cancel", CANCELLED),
        };
        self.record(command, text)?;
        Ok(Zeroizing::new(reply.to_owned()))
    }

    /// The line for the next question of a kind, after its waiting time; the last one repeats.
    fn next_line(&self, question: Question) -> anyhow::Result<Option<&ScriptLine>> {
        let fitting: Vec<&ScriptLine> = self
            .lines
            .iter()
            .filter(|line| line.question() == Some(question))
            .collect();
        let answered = self.answers(question)?;
        let line = fitting.get(answered).or(fitting.last()).copied();
        if let Some(line) = line {
            thread::sleep(Duration::from_millis(line.after_ms));
        }
        Ok(line)
    }

    /// How many questions of a kind the log says were answered.
    fn answers(&self, question: Question) -> anyhow::Result<usize> {
        let log = match fs::read_to_string(&self.log) {
            Ok(log) => log,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error).context("cannot read the log"),
        };
        let lines = log
            .lines()
            .filter_map(|line| serde_json::from_str::<LogLine>(line).ok());
        Ok(lines
            .filter(|line| asked_by(&line.command) == Some(question))
            .count())
    }

    fn record(&self, command: &str, text: &str) -> anyhow::Result<()> {
        let line = LogLine {
            command: command.to_owned(),
            text: text.to_owned(),
        };
        let mut line = serde_json::to_string(&line)?;
        line.push('\n');
        let mut options = OpenOptions::new();
        let mut log = options
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&self.log)
            .with_context(|| format!("cannot write {}", self.log.display()))?;
        // One write a line: the reader of the log never sees half of one.
        log.write_all(line.as_bytes())
            .with_context(|| format!("{}", self.log.display()))
    }
}

impl ScriptLine {
    fn question(&self) -> Option<Question> {
        match (&self.pin, self.cancel, self.confirm) {
            (Some(_), ..) | (_, Some(_), _) => Some(Question::Pin),
            (.., Some(_)) => Some(Question::Confirm),
            _ => None,
        }
    }
}

fn asked_by(command: &str) -> Option<Question> {
    match command {
        "GETPIN" => Some(Question::Pin),
        "CONFIRM" | "MESSAGE" => Some(Question::Confirm),
        _ => None,
    }
}

fn info(what: &str) -> Zeroizing<String> {
    let value = match what.trim() {
        "pid" => std::process::id().to_string(),
        "version" => env!("CARGO_PKG_VERSION").to_owned(),
        "flavor" => "cardea-script".to_owned(),
        _ => "-".to_owned(),
    };
    Zeroizing::new(format!("D {value}\nOK"))
}

/// Undoes Assuan's percent escapes; a broken one stays as it is.
fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = match after.split_first_chunk::<2>() {
            Some((digits, after)) if *first == b'%' => std::str::from_utf8(digits)
                .ok()
                .and_then(|digits| u8::from_str_radix(digits, 16).ok())
                .map(|byte| (byte, after)),
            _ => None,
        };
        let (byte, after) = escaped.unwrap_or((*first, after));
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn write_wrapper(wrapper: &Path, script: &Path) -> anyhow::Result<()> {
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let script = std::path::absolute(script).context("cannot find the script's folder")?;
    let text = format!(
        "#!/bin/sh\nexec {} pinentry --script {}\n",
        shell_quoted(&program)?,
        shell_quoted(&script)?
    );
    let mut options = OpenOptions::new();
    let options = options.write(true).create(true).truncate(true).mode(0o755);
    let mut file = options
        .open(wrapper)
        .with_context(|| format!("cannot write {}", wrapper.display()))?;
    file.write_all(text.as_bytes())
        .with_context(|| format!("{}", wrapper.display()))
}

fn shell_quoted(path: &Path) -> anyhow::Result<String> {
    let text = path.to_str().context("a path is not UTF-8")?;
    Ok(format!("'{}'", text.replace('\'', r"'\''")))
}

#[cfg(test)]
mod tests {
    use super::percent_decoded;

    #[test]
    fn percent_escapes_are_undone_and_broken_ones_kept() {
        let cases = [
            ("Saisissez%0Ale code", "Saisissez\nle code"),
            ("100%25", "100%"),
            ("100%", "100%"),
            ("%zz", "%zz"),
            ("%C3%A9", "é"),
        ];
        for (text, expected) in cases {
            assert_eq!(percent_decoded(text), expected);
        }
    }
}
