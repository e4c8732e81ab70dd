//! Embeds the SQL files of `migrations/` into the library, oldest first.
//!
//! `cargo` would not notice a new file by itself, so the folder is watched here. Only names of the
//! form `YYYYMMDDhhmmss_verb_noun.sql` are accepted: the number is the migration's version.

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../migrations");
    println!("cargo::rerun-if-changed={}", folder.display());

    let mut names = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let name = entry?
            .file_name()
            .into_string()
            .map_err(|_| "file name is not UTF-8")?;
        if name.ends_with(".sql") {
            names.push(name);
        }
    }
    names.sort();

    let mut source = String::from("const EMBEDDED: &[(i64, &str, &str)] = &[\n");
    for name in names {
        let stem = name.trim_end_matches(".sql");
        let (version, description) = stem
            .split_once('_')
            .filter(|(version, _)| version.len() == 14)
            .ok_or_else(|| format!("{name}: the name must be YYYYMMDDhhmmss_verb_noun.sql"))?;
        let version: i64 = version.parse()?;
        // Not the path itself: what a debugger reads has a digest of this text, and is to be the
        // same wherever the source lies.
        writeln!(
            source,
            "    ({version}, {description:?}, include_str!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \
             \"/../../migrations/{name}\"))),"
        )?;
    }
    source.push_str("];\n");
    fs::write(
        Path::new(&env::var("OUT_DIR")?).join("migrations.rs"),
        source,
    )?;
    Ok(())
}
