//! The code in the documents is that of tested programs, and their configurations load.
//!
//! A document says `<!-- snippet: FILE NAME -->` before a code block; the file has the same lines
//! between `snippet:begin NAME` and `snippet:end NAME`. With `CARDEA_WRITE_SNIPPETS=1` the test
//! brings the documents up to date instead.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use cardea_e2e::sources;
use cardea_xtask::{install, process, workspace};

const DOCUMENTS: [&str; 2] = ["docs/integrate.md", "docs/business-software.md"];

/// Languages of which a reader copies code: none of it may stand in a document untested.
const TESTED_LANGUAGES: [&str; 5] = ["js", "python", "rust", "apache", "toml"];

const MARK: &str = "<!-- snippet: ";

#[test]
fn the_code_in_the_documents_is_the_code_that_is_tested() -> Result<()> {
    for name in DOCUMENTS {
        let path = workspace::root().join(name);
        let text = fs::read_to_string(&path).with_context(|| format!("can't read {name}"))?;
        let renewed = with_snippets(&text, read_snippet)?;
        if std::env::var_os("CARDEA_WRITE_SNIPPETS").is_some() {
            fs::write(&path, &renewed)?;
        } else if let Some((line, (old, new))) = first_difference(&text, &renewed) {
            bail!(
                "{name}, line {line}, shows\n  {old}\nwhere the tested code has\n  {new}\n\
                 CARDEA_WRITE_SNIPPETS=1 cargo test -p cardea-e2e --test docs_snippets renews it"
            );
        }
    }
    Ok(())
}

/// What a page in a browser has besides: names of the browser, of the library's script, and what
/// whoever serves the page writes into it.
const NAMES_IN_A_PAGE: [&str; 5] = ["oidc", "settings", "document", "location", "history"];

/// Whoever copies all blocks of a program has every name that the program uses.
#[test]
fn the_blocks_of_each_program_run_as_they_are_printed() -> Result<()> {
    let folder = empty_folder("printed")?;
    for (source, text) in printed_programs("docs/integrate.md")? {
        let name = Path::new(&source).file_name().context("no name")?;
        fs::write(folder.join(name), text)?;
    }
    let mut checked = 0;
    for entry in fs::read_dir(&folder)? {
        let file = entry?.path();
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let unknown = match file.extension().and_then(|extension| extension.to_str()) {
            Some("mjs") => process::capture(
                Command::new(install::node_program()?)
                    .arg("--expose-internals")
                    .arg(sources().join("node/unknown-names.cjs"))
                    .arg(&file),
            )?,
            Some("py") => process::capture(
                Command::new(install::python_program()?)
                    .arg(sources().join("python/unknown_names.py"))
                    .arg(&file),
            )?,
            _ => continue,
        };
        let known: &[&str] = if name == "spa-page.mjs" {
            &NAMES_IN_A_PAGE
        } else {
            &[]
        };
        let unknown: Vec<&str> = unknown
            .lines()
            .filter(|name| !known.contains(name))
            .collect();
        assert!(
            unknown.is_empty(),
            "{name} as printed does not say what these are: {unknown:?}"
        );
        checked += 1;
    }
    assert!(checked >= 9, "{checked} programs");
    // Python says more when it loads the program: the portal then has its routes.
    let mut python = Command::new(install::python_program()?);
    python
        .args(["-B", "-c", "import portal; print(portal.app.url_map)"])
        .current_dir(&folder);
    for name in ["ISSUER", "CLIENT_ID", "CLIENT_SECRET", "COOKIE_KEY"] {
        python.env(name, "http://127.0.0.1");
    }
    let routes = process::capture(&mut python)?;
    assert!(routes.contains("/backchannel-logout"), "{routes}");
    fs::remove_dir_all(folder)?;
    Ok(())
}

/// The printed blocks of each source, one after the other.
fn printed_programs(document: &str) -> Result<BTreeMap<String, String>> {
    let mut programs = BTreeMap::<String, String>::new();
    let text = fs::read_to_string(workspace::root().join(document))?;
    for line in text.lines() {
        let Some(rest) = line.strip_prefix(MARK) else {
            continue;
        };
        let words = rest.trim_end_matches("-->").trim().split_once(' ');
        let (file, name) = words.with_context(|| format!("no file and name: {line}"))?;
        let program = programs.entry(file.to_owned()).or_default();
        program.push_str(&read_snippet(file, name)?);
        program.push('\n');
    }
    Ok(programs)
}

fn empty_folder(name: &str) -> Result<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

const CONFIGURED_IN: [&str; 5] = [
    "docs/integrate.md",
    "docs/clients.md",
    "docs/sandbox.md",
    "docs/business-software.md",
    "docs/profiles.md",
];

/// The programs themselves load what the documents show of their configurations.
#[test]
fn every_configuration_in_the_documents_loads() -> Result<()> {
    let folder = empty_folder("configurations")?;
    for name in ["strict-portal", "records-service"] {
        fs::write(
            folder.join(format!("{name}.jwks.json")),
            format!("{{\"keys\":[{KEY}]}}"),
        )?;
    }
    let mut loaded = 0;
    for document in CONFIGURED_IN {
        let text = fs::read_to_string(workspace::root().join(document))?;
        for block in toml_blocks(&text)? {
            load(&folder, &block).with_context(|| format!("{document} shows\n{block}"))?;
            loaded += 1;
        }
    }
    assert!(loaded >= 10, "{loaded} blocks");
    // Neither program overlooks a key that it does not know.
    for wrong in [
        "[[client]]\nclient = \"x\"\n",
        "[business_software]\nenable = true\n",
    ] {
        assert!(load(&folder, wrong).is_err(), "{wrong}");
    }
    fs::remove_dir_all(folder)?;
    Ok(())
}

/// The TOML of a document, without the indentation that a list gives it.
fn toml_blocks(text: &str) -> Result<Vec<String>> {
    let mut blocks = Vec::new();
    let mut lines = text.lines().map(str::trim_start);
    while let Some(line) = lines.next() {
        if line == "```toml" {
            blocks.push(block(&mut lines)?);
        }
    }
    Ok(blocks)
}

/// The example key of RFC 7517, appendix A.1: nobody signs with it.
const KEY: &str = r#"{"kty":"EC","crv":"P-256","kid":"1","alg":"ES256","use":"sig",
    "x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    "y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}"#;

const SERVER: &str = "[database]\nurl = \"sqlite://cardea.sqlite\"\n[keys]\ndir = \"keys\"\n\
    challenge_key = \"key.pem\"\nchallenge_list = \"list.jws\"\n\
    [ledger]\nwitness_policy = \"waived\"\n";

fn anchor(profile: &str) -> String {
    format!(
        "[[trust_anchor]]\nname = \"cards\"\nanchors = \"a.pem\"\nintermediates = \"i.pem\"\n\
         profile = \"{profile}\"\n"
    )
}

/// Has the program that a block is for load it, beside the least that the program needs.
fn load(folder: &Path, block: &str) -> Result<()> {
    let (file, text) = if block.starts_with("[business_software]") {
        let roots = KEY
            .replace(['{', '}'], "")
            .replace(":", " = ")
            .replace('\n', " ");
        let enrolment = "[[issuer]]\nissuer = \"https://id.example\"\nroots = [{";
        ("agent.toml", format!("{block}\n{enrolment}{roots}}}]\n"))
    } else if block.starts_with("[[client]]") {
        let block = block.replace("DIGEST", &"ab".repeat(32));
        ("cardea.toml", format!("{SERVER}{}{block}", anchor("cps")))
    } else if block.starts_with("sandbox =") {
        // Its first line belongs to the top, as it says.
        let (top, rest) = block.split_once('\n').context("one line")?;
        ("cardea.toml", format!("{top}\n{SERVER}{rest}"))
    } else if block.starts_with("name =") {
        fs::write(folder.join("profile.toml"), block)?;
        let anchor = anchor("profile.toml");
        ("cardea.toml", format!("{SERVER}{anchor}"))
    } else {
        bail!("nobody knows which program this is for");
    };
    let path = folder.join(file);
    if file == "agent.toml" {
        fs::write(&path, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        let mut command = Command::new(workspace::binary("cardea-agent")?);
        command.arg("status").arg("--config").arg(path);
        // No agent runs here; that is found out once the configuration is loaded.
        let output = command.env("HOME", folder).output()?;
        if !String::from_utf8_lossy(&output.stdout).contains("id.example") {
            bail!("{}", String::from_utf8_lossy(&output.stderr));
        }
        return Ok(());
    }
    let places = "issuer = \"http://127.0.0.1:9\"\nlisten = \"127.0.0.1:9\"\n\
                  agent_url = \"http://127.0.0.1:10\"\n";
    fs::write(&path, format!("{places}{text}"))?;
    let mut command = Command::new(workspace::binary("cardea")?);
    command.args(["clients", "list", "--config"]).arg(path);
    process::capture(&mut command).map(drop)
}

fn first_difference<'a>(old: &'a str, new: &'a str) -> Option<(usize, (&'a str, &'a str))> {
    let (mut old, mut new) = (old.lines(), new.lines());
    for number in 1.. {
        match (old.next(), new.next()) {
            (None, None) => return None,
            (a, b) if a == b => {}
            (a, b) => return Some((number, (a.unwrap_or_default(), b.unwrap_or_default()))),
        }
    }
    None
}

/// The document with every marked code block taken anew from its source.
fn with_snippets(text: &str, read: impl Fn(&str, &str) -> Result<String>) -> Result<String> {
    let mut renewed = String::with_capacity(text.len());
    let mut lines = text.lines();
    let mut mark: Option<(String, String)> = None;
    while let Some(line) = lines.next() {
        renewed.push_str(line);
        renewed.push('\n');
        if let Some(language) = line.strip_prefix("```") {
            let body = block(&mut lines)?;
            match mark.take() {
                Some((file, name)) => renewed.push_str(&read(&file, &name)?),
                None if TESTED_LANGUAGES.contains(&language) => {
                    bail!("a block of {language} has no `{MARK}…`:\n{body}")
                }
                None => renewed.push_str(&body),
            }
            renewed.push_str("```\n");
        } else if let Some(rest) = line.strip_prefix(MARK) {
            let words = rest.trim_end_matches("-->").trim().split_once(' ');
            let (file, name) = words.with_context(|| format!("no file and name: {line}"))?;
            mark = Some((file.to_owned(), name.to_owned()));
        } else if mark.is_some() {
            bail!("no code block follows a mark, but: {line}");
        }
    }
    Ok(renewed)
}

/// The lines up to the fence that ends a block.
fn block<'a>(lines: &mut impl Iterator<Item = &'a str>) -> Result<String> {
    let mut body = String::new();
    for line in lines {
        if line == "```" {
            return Ok(body);
        }
        body.push_str(line);
        body.push('\n');
    }
    bail!("a code block does not end:\n{body}")
}

fn read_snippet(file: &str, name: &str) -> Result<String> {
    let path = workspace::root().join(file);
    let text = fs::read_to_string(&path).with_context(|| format!("can't read {file}"))?;
    snippet(&text, name).with_context(|| format!("{file} has no snippet {name}"))
}

/// The lines between the marks of this name, without the indentation that they all have.
fn snippet(text: &str, name: &str) -> Option<String> {
    let is_mark =
        |line: &str, word: &str| line.trim_end().ends_with(&format!("snippet:{word} {name}"));
    let mut lines = text.lines().skip_while(|line| !is_mark(line, "begin"));
    lines.next()?;
    let mut body: Vec<&str> = Vec::new();
    loop {
        let line = lines.next()?;
        if is_mark(line, "end") {
            break;
        }
        body.push(line);
    }
    let filled = body.iter().filter(|line| !line.trim().is_empty());
    let indentation = filled
        .map(|line| line.len() - line.trim_start().len())
        .min()?;
    let cut = |line: &&str| line.get(indentation..).unwrap_or_default().to_owned() + "\n";
    Some(body.iter().map(cut).collect())
}

#[test]
fn a_snippet_loses_its_marks_and_its_indentation() {
    let text = "a\n  # snippet:begin x\n  one\n\n    two\n  # snippet:end x\nb\n";
    assert_eq!(snippet(text, "x").unwrap(), "one\n\n  two\n");
    assert_eq!(snippet(text, "y"), None);
    assert_eq!(snippet("# snippet:begin x\none\n", "x"), None);
}

#[test]
fn a_document_that_differs_is_noticed_and_untested_code_refused() {
    let read = |file: &str, name: &str| Ok(format!("{file} {name}\n"));
    let text = "Text\n<!-- snippet: a.js x -->\n```js\nold\n```\n```console\n$ ls\n```\n";
    let renewed = with_snippets(text, read).unwrap();
    assert_eq!(renewed, text.replace("old", "a.js x"));
    assert_eq!(
        first_difference(text, &renewed),
        Some((4, ("old", "a.js x")))
    );
    assert!(with_snippets("```js\nlet a\n```\n", read).is_err());
    assert!(with_snippets("<!-- snippet: a.js x -->\ntext\n", read).is_err());
}
