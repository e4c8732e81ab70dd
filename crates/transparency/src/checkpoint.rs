//! A log's head at one moment (C2SP tlog-checkpoint): origin, size and root, as a note's text.

use std::fmt;

use crate::decimal;
use crate::{Error, Hash, Note, SIZE_MAX};

/// The longest origin.
pub const ORIGIN_BYTES_MAX: usize = 256;
const EXTENSION_LINES_MAX: usize = 16;
const EXTENSION_BYTES_MAX: usize = 1024;

/// What a log says of itself. Nothing of it is believed before the note that it stood in is
/// verified.
///
/// ```
/// use cardea_transparency::{Checkpoint, Hash};
///
/// let checkpoint = Checkpoint::new("example.com/log", 0, Hash::EMPTY_ROOT)?;
/// let text = checkpoint.to_string();
/// assert_eq!(text, "example.com/log\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n");
/// assert_eq!(Checkpoint::parse(&text), Ok(checkpoint));
/// # Ok::<(), cardea_transparency::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    size: u64,
    root: Hash,
    extensions: Vec<String>,
}

impl Checkpoint {
    /// A log's head.
    ///
    /// # Errors
    /// [`Error::CheckpointMalformed`]: the origin is no line.
    pub fn new(origin: &str, size: u64, root: Hash) -> Result<Self, Error> {
        Self {
            origin: origin.to_owned(),
            size,
            root,
            extensions: Vec::new(),
        }
        .checked()
    }

    /// Adds a line that means something to whoever runs the log; witnesses sign it unread.
    ///
    /// # Errors
    /// [`Error::CheckpointMalformed`].
    pub fn with_extension(mut self, line: &str) -> Result<Self, Error> {
        self.extensions.push(line.to_owned());
        self.checked()
    }

    /// Reads the text of a note.
    ///
    /// # Errors
    /// [`Error::CheckpointMalformed`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let Some(text) = text.strip_suffix('\n') else {
            return malformed("its last line does not end");
        };
        let mut lines = text.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next())
        else {
            return malformed("it has fewer than three lines");
        };
        let Some(size) = decimal::parse(size) else {
            return malformed("its size is no number");
        };
        let Ok(root) = Hash::from_base64(root) else {
            return malformed("its root is no hash");
        };
        Self {
            origin: origin.to_owned(),
            size,
            root,
            extensions: lines
                .take(EXTENSION_LINES_MAX + 1)
                .map(str::to_owned)
                .collect(),
        }
        .checked()
    }

    fn checked(self) -> Result<Self, Error> {
        let is_line = |line: &str, bytes_max: usize| {
            !line.is_empty() && line.len() <= bytes_max && !line.chars().any(char::is_control)
        };
        let extensions = &self.extensions;
        if !is_line(&self.origin, ORIGIN_BYTES_MAX) {
            malformed("its origin is empty, too long, or no line")
        } else if self.size > SIZE_MAX {
            malformed("its size is too large")
        } else if self.size == 0 && self.root != Hash::EMPTY_ROOT {
            malformed("its root is not that of an empty tree")
        } else if extensions.len() > EXTENSION_LINES_MAX {
            malformed("it has too many lines")
        } else if !extensions.iter().all(|it| is_line(it, EXTENSION_BYTES_MAX)) {
            malformed("a further line is empty, too long, or no line")
        } else {
            Ok(self)
        }
    }

    /// The log's name.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// How many leaves the tree has.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root of the tree.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.root
    }

    /// Lines after the first three.
    #[must_use]
    pub fn extensions(&self) -> &[String] {
        &self.extensions
    }

    /// The note to be signed.
    ///
    /// # Errors
    /// None that a checkpoint can have; see [`Note::new`].
    pub fn to_note(&self) -> Result<Note, Error> {
        Note::new(self.to_string())
    }
}

/// The note's text.
impl fmt::Display for Checkpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}\n{}\n{}", self.origin, self.size, self.root)?;
        self.extensions
            .iter()
            .try_for_each(|line| writeln!(formatter, "{line}"))
    }
}

fn malformed<T>(reason: &'static str) -> Result<T, Error> {
    Err(Error::CheckpointMalformed { reason })
}

#[cfg(test)]
mod tests;
