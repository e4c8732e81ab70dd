//! Which program asks, as far as the system tells. It is shown to the person and decides nothing.
//!
//! The kernel names the process that connected (unix(7), `SO_PEERCRED`) and the file that it runs
//! (proc(5), `/proc/PID/exe`). Neither proves anything: a program of this user may start another
//! one's file and steer it, hand its connection on, or become something else once it is connected;
//! and of a script the interpreter is named. So a prompt calls it unverified whatever it is called.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::display_text::for_display;
use crate::language::Language;

/// Most characters of a path that is shown.
const PATH_CHARS_MAX: usize = 60;
/// Most bytes of it as the pinentry protocol carries it: beside the names, this much has room.
const PATH_ENCODED_BYTES_MAX: usize = 90;
/// What the kernel adds to the path of a file that is there no longer.
const DELETED: &str = " (deleted)";

/// A program that asks for the card, unverified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallingProgram {
    process: Option<u32>,
    file: Option<ProgramFile>,
}

/// The file that a process runs.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ProgramFile {
    path: PathBuf,
    /// Whether that file lies under this name now. It does not after an update, when it was
    /// deleted or renamed, or when the process has a root folder of its own.
    is_there: bool,
}

impl CallingProgram {
    /// The program of a process, as the system tells it now.
    pub(crate) fn of_process(process: Option<u32>) -> Self {
        // Another PID namespace's process has number 0 here.
        let process = process.filter(|process| *process > 0);
        Self {
            process,
            file: process.and_then(file_of),
        }
    }

    /// The program that started this one.
    pub(crate) fn parent() -> Self {
        let parent = rustix::process::getppid().map(|parent| parent.as_raw_nonzero().get());
        Self::of_process(parent.and_then(|parent| u32::try_from(parent).ok()))
    }

    /// File and process, for the log.
    pub(crate) fn for_log(&self) -> String {
        self.shown(Language::English)
    }

    /// File and process, fit to be shown.
    pub(crate) fn shown(&self, language: Language) -> String {
        let file = match (&self.file, language) {
            (None, Language::French) => "fichier inconnu".to_owned(),
            (None, Language::English) => "unknown file".to_owned(),
            (Some(file), _) => {
                let path = shown_path(&file.path);
                match (file.is_there, language) {
                    (true, Language::French) => format!("« {path} »"),
                    (true, Language::English) => format!("“{path}”"),
                    (false, Language::French) => format!("« {path} », fichier absent"),
                    (false, Language::English) => format!("“{path}”, file not there"),
                }
            }
        };
        match (self.process, language) {
            (None, _) => file,
            (Some(process), Language::French) => format!("{file} (processus {process})"),
            (Some(process), Language::English) => format!("{file} (process {process})"),
        }
    }
}

/// What a process runs. Nothing where the system does not tell: the process has ended, or lets
/// nobody look at it.
#[cfg(target_os = "linux")]
fn file_of(process: u32) -> Option<ProgramFile> {
    let link = format!("/proc/{process}/exe");
    let named = std::fs::read_link(&link).ok()?;
    // The link itself leads to the file that runs, whatever has become of its name.
    let running = std::fs::metadata(&link).ok();
    let is_there = |path: &Path| match (&running, std::fs::metadata(path)) {
        (Some(running), Ok(found)) => (running.dev(), running.ino()) == (found.dev(), found.ino()),
        _ => false,
    };
    if is_there(&named) {
        return Some(ProgramFile {
            path: named,
            is_there: true,
        });
    }
    let path = named.to_str().and_then(|text| text.strip_suffix(DELETED));
    Some(ProgramFile {
        path: path.map_or_else(|| named.clone(), PathBuf::from),
        is_there: false,
    })
}

/// Other systems have other ways, which are not written yet.
#[cfg(not(target_os = "linux"))]
fn file_of(_process: u32) -> Option<ProgramFile> {
    None
}

/// A path on one line, without anything that could mislead. Of a long one the end is kept: the
/// program's name says more than the folders above it.
fn shown_path(path: &Path) -> String {
    let components = path.components().map(|part| {
        let part = for_display(&part.as_os_str().to_string_lossy());
        if part.is_empty() {
            "?".to_owned()
        } else {
            part
        }
    });
    let mut components: Vec<_> = components.filter(|part| part != "/").collect();
    let name = cut(components.pop().unwrap_or_else(|| "?".to_owned()));
    let mut shown = name;
    while let Some(folder) = components.pop() {
        let longer = format!("{folder}/{shown}");
        // One more sign before it: the root, or that something was left out.
        if !fits(&longer, 1 + '…'.len_utf8()) {
            return format!("…/{shown}");
        }
        shown = longer;
    }
    if path.is_absolute() {
        format!("/{shown}")
    } else {
        shown
    }
}

/// Cuts a name that alone is too long, visibly.
fn cut(mut name: String) -> String {
    let room = 2 + 2 * '…'.len_utf8();
    if fits(&name, room) {
        return name;
    }
    while !fits(&name, room) {
        name.pop();
    }
    name.push('…');
    name
}

fn fits(text: &str, more: usize) -> bool {
    // Assuan escapes a percent sign as three bytes.
    let encoded = text.len() + 2 * text.matches('%').count() + more;
    text.chars().count() + more <= PATH_CHARS_MAX && encoded <= PATH_ENCODED_BYTES_MAX
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A program of this path, for the texts of prompts.
    pub(crate) fn program(path: &str, is_there: bool) -> CallingProgram {
        let path = PathBuf::from(path);
        CallingProgram {
            process: Some(4_194_304),
            file: Some(ProgramFile { path, is_there }),
        }
    }

    #[test]
    fn a_program_is_named_by_its_file_and_process() {
        let known = program("/opt/officine/bin/officine", true);
        let french = "« /opt/officine/bin/officine » (processus 4194304)";
        assert_eq!(known.shown(Language::French), french);
        let english = "“/opt/officine/bin/officine” (process 4194304)";
        assert_eq!(known.shown(Language::English), english);
        let gone = program("/opt/officine", false).shown(Language::French);
        assert_eq!(
            gone,
            "« /opt/officine », fichier absent (processus 4194304)"
        );
        let unknown = CallingProgram::of_process(Some(0));
        assert_eq!(unknown.shown(Language::French), "fichier inconnu");
    }

    /// Attack D8, by the path of a program.
    #[test]
    fn a_path_made_to_mislead_is_shown_as_one_line_of_a_path() {
        let cases = [
            ("/usr/bin/python3.13", "/usr/bin/python3.13"),
            ("/tmp/a » (vérifié)\nCardea", "/tmp/a ' (vérifié) Cardea"),
            ("/tmp/\u{202E}gpj.exe", "/tmp/gpj.exe"),
            ("/tmp/\u{200B}/x", "/tmp/?/x"),
            ("/", "/?"),
        ];
        for (path, shown) in cases {
            assert_eq!(shown_path(Path::new(path)), shown, "{path:?}");
        }
        let deep = format!("/home/{}/bin/officine", "x/".repeat(40));
        let shown = shown_path(Path::new(&deep));
        assert!(
            shown.starts_with("…/x/") && shown.ends_with("/bin/officine"),
            "{shown}"
        );
        for letter in ["x", "é", "渋", "%", "𝒳"] {
            for path in [letter.repeat(4096), format!("/a/{}", letter.repeat(4096))] {
                let shown = shown_path(Path::new(&path));
                let encoded = shown.replace('%', "%25");
                assert!(shown.chars().count() <= PATH_CHARS_MAX, "{shown}");
                assert!(encoded.len() <= PATH_ENCODED_BYTES_MAX, "{shown}");
                assert!(shown.ends_with('…'), "{shown}");
            }
        }
    }

    /// The kernel's word on a process of this test's own, before and after its file is gone.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_that_was_deleted_renamed_or_replaced_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("officine");
        std::fs::copy("/bin/sleep", &path).unwrap();
        let mut child = std::process::Command::new(&path)
            .arg("600")
            .spawn()
            .unwrap();
        let seen = || CallingProgram::of_process(Some(child.id()));
        // Until the child has become that program, it is this one's copy.
        let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while seen().file.as_ref().map(|file| &file.path) != Some(&path) {
            assert!(std::time::Instant::now() < until, "{:?}", seen());
            std::thread::yield_now();
        }
        assert!(seen().file.unwrap().is_there);
        let renamed = folder.path().join("new name");
        std::fs::rename(&path, &renamed).unwrap();
        let file = seen().file.unwrap();
        assert_eq!((file.path, file.is_there), (renamed.clone(), true));
        std::fs::remove_file(&renamed).unwrap();
        let file = seen().file.unwrap();
        assert_eq!((file.path, file.is_there), (renamed.clone(), false));
        // Another file under its name is not it.
        std::fs::write(&renamed, "another").unwrap();
        assert!(!seen().file.unwrap().is_there);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(CallingProgram::of_process(Some(child.id())).file, None);
    }
}
