//! Memory that reading a list takes, as the kernel counts it, in a process of its own each time:
//! OpenSSL's allocations are no business of Rust's allocator.

use std::hint::black_box;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

use cardea_pki::revocation::{Crl, check_revocation};
use openssl::x509::X509;

use crate::Failure;
use crate::inputs::{Inputs, list_policy};
use crate::lists::{read_by_openssl, read_by_x509_parser};

const READER: &str = "CARDEA_MEMORY_READER";
const FOLDER: &str = "CARDEA_MEMORY_FOLDER";
const ENTRIES: &str = "CARDEA_MEMORY_ENTRIES";

/// Whether this process is to read one list and say what that took.
pub(crate) fn is_child() -> bool {
    env::var_os(READER).is_some()
}

/// Prints the peak above what was there before, and what the list takes once read, in KiB.
pub(crate) fn run_child() -> Result<(), Failure> {
    let folder = PathBuf::from(env::var(FOLDER)?);
    let inputs = Inputs::read(folder, Vec::new())?;
    let der = fs::read(inputs.list_file(env::var(ENTRIES)?.parse()?))?;
    let key = X509::from_der(&inputs.issuing_der)?.public_key()?;
    // What is allocated once for all lists is none of this list's.
    let warm = fs::read(inputs.list_file(0))?;
    read_by_openssl(&warm, &key);
    let path = inputs.path()?;
    let evidence = inputs.evidence(Crl::parse(&warm)?)?;
    check_revocation(&path, &evidence, &list_policy(), inputs.at)?;
    let before = status("VmRSS:")?;
    fs::write("/proc/self/clear_refs", "5")?;
    let after = |kept: &dyn std::any::Any| -> Result<(usize, usize), Failure> {
        black_box(kept);
        Ok((status("VmHWM:")?, status("VmRSS:")?))
    };
    let (peak, now) = match env::var(READER)?.as_str() {
        "ours" => {
            let mut evidence = evidence;
            evidence.crls[0] = Crl::parse(&der)?;
            check_revocation(&path, &evidence, &list_policy(), inputs.at)?;
            after(&evidence)?
        }
        "openssl" => after(&read_by_openssl(&der, &key))?,
        _ => {
            let list = read_by_x509_parser(&der, &key);
            let numbers = (status("VmHWM:")?, status("VmRSS:")?);
            black_box(&list);
            numbers
        }
    };
    let used = |kibibytes: usize| kibibytes.saturating_sub(before);
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{} {}", used(peak), used(now))?;
    Ok(())
}

/// A line of `/proc/self/status`, in KiB.
fn status(name: &str) -> Result<usize, Failure> {
    let text = fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.ok_or("the kernel tells no memory")?.parse()?)
}

/// Prints the table.
pub(crate) fn report(inputs: &Inputs, sizes: &[usize]) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    writeln!(
        stdout,
        "\n### Memory to read a list, its bytes not counted, MiB: at the peak / kept\n\n\
         | entries | bytes of the list | ours | OpenSSL | x509-parser |\n|---:|---:|---:|---:|---:|"
    )?;
    for entries in sizes.iter().filter(|entries| **entries > 0) {
        let bytes = fs::metadata(inputs.list_file(*entries))?.len();
        write!(stdout, "| {entries} | {bytes} ")?;
        for reader in ["ours", "openssl", "x509-parser"] {
            let output = Command::new(env::current_exe()?)
                .env(READER, reader)
                .env(FOLDER, &inputs.folder)
                .env(ENTRIES, entries.to_string())
                .output()?;
            let text = String::from_utf8(output.stdout)?;
            let numbers: Vec<f64> = text
                .split_whitespace()
                .map(|word| word.parse::<f64>().map(|kibibytes| kibibytes / 1024.0))
                .collect::<Result<_, _>>()?;
            let [peak, kept] = numbers.as_slice() else {
                return Err("the child said nothing".into());
            };
            write!(stdout, "| {peak:.1} / {kept:.1} ")?;
        }
        writeln!(stdout, "|")?;
    }
    Ok(())
}
