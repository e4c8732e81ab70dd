//! Erasures that came after the exported checkpoint, or while the entries were written: signed by
//! the log, each on a line of a file of its own.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use cardea_transparency::{is_exported_erasure, named_places};

use crate::Error;

/// Ten thousand records of two hundred places.
const BYTES_MAX: u64 = 32 * 1024 * 1024;

/// The lines, of which nothing is believed yet.
#[derive(Debug, Default)]
pub(super) struct LaterErasures {
    lines: Vec<String>,
    places: HashSet<u64>,
}

impl LaterErasures {
    /// Reads them; none where there is no such file, as in exports of older programs.
    pub(super) fn read(file: &Path) -> Result<Self, Error> {
        let unreadable = |source| Error::FileUnreadable {
            file: file.to_path_buf(),
            source,
        };
        let opened = match File::open(file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            opened => opened.map_err(unreadable)?,
        };
        let mut text = String::new();
        let mut bounded = opened.take(BYTES_MAX.saturating_add(1));
        bounded.read_to_string(&mut text).map_err(unreadable)?;
        if u64::try_from(text.len()).is_ok_and(|length| length > BYTES_MAX) {
            return Err(Error::ExportMalformed {
                file: file.to_path_buf(),
                line: 0,
                reason: "it is too long".to_owned(),
            });
        }
        // Without a record it says nothing: no entry of the tree vouches for it.
        let lines = text.lines().filter(|it| is_exported_erasure(it));
        let lines: Vec<String> = lines.map(str::to_owned).collect();
        let places = lines.iter().flat_map(|it| named_places(it)).collect();
        Ok(Self { lines, places })
    }

    /// Whether any of them names a place.
    pub(super) fn names(&self, place: u64) -> bool {
        self.places.contains(&place)
    }

    pub(super) fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }
}
