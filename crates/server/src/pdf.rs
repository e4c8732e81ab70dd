//! Documents as PDF: a title, facts as pairs, and sections of paragraphs and tables, on A4.
//!
//! The text is tagged (ISO 32000-1 section 14.8): it can be selected, searched and read aloud in
//! its order. The fonts are those that every reader has (Helvetica, section 9.6.2.2), in
//! `WinAnsiEncoding`: the letters of French and of western Europe. What that does not have stands
//! as a question mark.

mod file;
mod layout;
mod letters;
mod width;

use crate::error::Error;

/// Pages of one document.
pub(crate) const PAGES_MAX: usize = 400;

/// The document's language, which readers speak it in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DocumentLanguage {
    /// French.
    French,
    /// English.
    English,
}

/// A document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Document {
    /// What it is spoken in.
    pub(crate) language: DocumentLanguage,
    /// Its title, on the first page and in the reader's window.
    pub(crate) title: String,
    /// Facts under the title: what, and its value.
    pub(crate) facts: Vec<(String, String)>,
    /// The rest.
    pub(crate) sections: Vec<Section>,
    /// Stands at the foot of each page, before its number.
    pub(crate) footer: String,
}

/// A part of a document under a heading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Section {
    /// Its heading.
    pub(crate) heading: String,
    /// What stands in it.
    pub(crate) blocks: Vec<Block>,
}

/// Something in a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Block {
    /// A paragraph.
    Paragraph(String),
    /// Facts: what, and its value.
    Facts(Vec<(String, String)>),
    /// A table.
    Table(Table),
}

/// A table; its header stands on each page that it goes over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Table {
    /// The columns' headings, and their parts of the width.
    pub(crate) columns: Vec<(String, u32)>,
    /// A cell for each column.
    pub(crate) rows: Vec<Vec<String>>,
}

/// Makes the file.
///
/// # Errors
/// [`Error::DocumentTooLong`] beyond [`PAGES_MAX`] pages.
pub(crate) fn render(document: &Document) -> Result<Vec<u8>, Error> {
    let mut layout = layout::Layout::new(document.language);
    layout.title(&document.title)?;
    layout.facts(&document.facts)?;
    for section in &document.sections {
        layout.heading(&section.heading)?;
        for block in &section.blocks {
            match block {
                Block::Paragraph(text) => layout.paragraph(text)?,
                Block::Facts(facts) => layout.facts(facts)?,
                Block::Table(table) => layout.table(table)?,
            }
        }
    }
    Ok(file::write(document, layout.finish(&document.footer)))
}

impl DocumentLanguage {
    /// As RFC 5646 names it.
    fn tag(self) -> &'static str {
        match self {
            Self::French => "fr-FR",
            Self::English => "en-GB",
        }
    }

    /// The word before a page's number.
    fn page(self) -> &'static str {
        // The same in both.
        match self {
            Self::French | Self::English => "page",
        }
    }
}

#[cfg(test)]
mod tests;
