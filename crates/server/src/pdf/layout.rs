//! Where on which page everything stands, and what it is.

use pdf_writer::types::StructRole;
use pdf_writer::{Content, Name, Str};

use super::letters::{Face, encode, lines, width};
use super::{DocumentLanguage, PAGES_MAX, Table};
use crate::error::Error;

/// A4, in points.
pub(super) const PAGE_WIDTH: f32 = 595.28;
pub(super) const PAGE_HEIGHT: f32 = 841.89;
const MARGIN: f32 = 48.0;
const BOTTOM: f32 = 60.0;
const TEXT_WIDTH: f32 = PAGE_WIDTH - 2.0 * MARGIN;
const FOOTER_AT: f32 = 34.0;
/// The part of the width that the names of facts take.
const FACT_NAME_WIDTH: f32 = 220.0;
/// Space in a cell on either side of its text.
const CELL_PADDING: f32 = 2.5;
/// Lines of a cell; of one that has more the rest is left out.
const CELL_LINES_MAX: usize = 40;

const TITLE: Letters = Letters::new(Face::Bold, 16.0, 20.0);
const HEADING: Letters = Letters::new(Face::Bold, 11.5, 15.0);
const BODY: Letters = Letters::new(Face::Regular, 9.5, 12.5);
const BODY_BOLD: Letters = Letters::new(Face::Bold, 9.5, 12.5);
const CELL: Letters = Letters::new(Face::Regular, 7.5, 9.5);
const CELL_BOLD: Letters = Letters::new(Face::Bold, 7.5, 9.5);
const FOOTER: Letters = Letters::new(Face::Regular, 7.5, 9.5);

/// The names of the two faces in pages' resources.
pub(super) const REGULAR: Name<'static> = Name(b"F1");
pub(super) const BOLD: Name<'static> = Name(b"F2");

/// How text looks.
#[derive(Clone, Copy)]
struct Letters {
    face: Face,
    size: f32,
    leading: f32,
}

/// A page.
pub(super) struct Page {
    pub(super) content: Content,
    /// The elements that the marked sequences belong to, in their order.
    pub(super) marked: Vec<usize>,
}

/// A part of the document's structure.
pub(super) struct Element {
    pub(super) role: StructRole,
    pub(super) parent: Option<usize>,
    pub(super) kids: Vec<Kid>,
}

/// What stands in an element.
pub(super) enum Kid {
    /// Another one.
    Element(usize),
    /// A marked sequence of a page.
    Marked {
        /// The page.
        page: usize,
        /// Its number there.
        number: usize,
    },
}

/// Pages and structure.
pub(super) struct Laid {
    pub(super) pages: Vec<Page>,
    /// The first is the document.
    pub(super) elements: Vec<Element>,
}

pub(super) struct Layout {
    language: DocumentLanguage,
    laid: Laid,
    /// How far down the page is used.
    y: f32,
}

impl Letters {
    const fn new(face: Face, size: f32, leading: f32) -> Self {
        Self {
            face,
            size,
            leading,
        }
    }

    fn lines(self, text: &str, width_max: f32) -> Vec<Vec<u8>> {
        lines(text, self.face, self.size, width_max)
    }
}

impl Layout {
    pub(super) fn new(language: DocumentLanguage) -> Self {
        let document = Element {
            role: StructRole::Document,
            parent: None,
            kids: Vec::new(),
        };
        Self {
            language,
            laid: Laid {
                pages: vec![Page::new()],
                elements: vec![document],
            },
            y: PAGE_HEIGHT - MARGIN,
        }
    }

    pub(super) fn title(&mut self, text: &str) -> Result<(), Error> {
        self.block(StructRole::H1, text, TITLE)?;
        self.y -= 6.0;
        Ok(())
    }

    pub(super) fn heading(&mut self, text: &str) -> Result<(), Error> {
        self.y -= 12.0;
        // Not alone at the foot of a page.
        self.make_room(HEADING.leading + 4.0 * BODY.leading)?;
        self.block(StructRole::H2, text, HEADING)?;
        self.y -= 2.0;
        Ok(())
    }

    pub(super) fn paragraph(&mut self, text: &str) -> Result<(), Error> {
        self.block(StructRole::P, text, BODY)?;
        self.y -= 4.0;
        Ok(())
    }

    pub(super) fn facts(&mut self, facts: &[(String, String)]) -> Result<(), Error> {
        let list = self.element(StructRole::L, 0);
        for (name, value) in facts {
            let item = self.element(StructRole::LI, list);
            let name = BODY_BOLD.lines(name, FACT_NAME_WIDTH - 8.0);
            let value = BODY.lines(value, TEXT_WIDTH - FACT_NAME_WIDTH);
            let height = line_count(name.len().max(value.len())) * BODY.leading;
            self.make_room(height.min(PAGE_HEIGHT / 3.0))?;
            let (top, page) = (self.y, self.laid.pages.len());
            let label = self.element(StructRole::Lbl, item);
            self.lines(label, &name, BODY_BOLD, MARGIN)?;
            let after_name = self.y;
            if page == self.laid.pages.len() {
                self.y = top;
            }
            let body = self.element(StructRole::LBody, item);
            self.lines(body, &value, BODY, MARGIN + FACT_NAME_WIDTH)?;
            if page == self.laid.pages.len() {
                self.y = self.y.min(after_name);
            }
        }
        self.y -= 4.0;
        Ok(())
    }

    pub(super) fn table(&mut self, table: &Table) -> Result<(), Error> {
        let parts: u32 = table.columns.iter().map(|(_, part)| *part).sum();
        let whole = f32::from(u16::try_from(parts.max(1)).unwrap_or(u16::MAX));
        let widths: Vec<f32> = table
            .columns
            .iter()
            .map(|(_, part)| f32::from(u16::try_from(*part).unwrap_or(u16::MAX)))
            .map(|part| TEXT_WIDTH * part / whole)
            .collect();
        let names: Vec<String> = table.columns.iter().map(|(name, _)| name.clone()).collect();
        let element = self.element(StructRole::Table, 0);
        let head = self.element(StructRole::THead, element);
        let header = Row::new(&names, &widths, CELL_BOLD);
        self.make_room(header.height + 2.0 * CELL.leading)?;
        self.row(&header, &widths, Some((head, StructRole::TH)));
        let body = self.element(StructRole::TBody, element);
        for cells in &table.rows {
            let row = Row::new(cells, &widths, CELL);
            if self.y - row.height < BOTTOM {
                self.new_page()?;
                // Read aloud once, at the table's beginning.
                self.row(&header, &widths, None);
            }
            self.row(&row, &widths, Some((body, StructRole::TD)));
        }
        self.y -= 6.0;
        Ok(())
    }

    /// Writes the foot of each page.
    pub(super) fn finish(mut self, footer: &str) -> Laid {
        let count = self.laid.pages.len();
        for (place, page) in self.laid.pages.iter_mut().enumerate() {
            let number = format!("{} {} / {count}", self.language.page(), place + 1);
            let number = encode(&number);
            let at = PAGE_WIDTH - MARGIN - width(&number, FOOTER.face, FOOTER.size);
            let footer = FOOTER.lines(footer, TEXT_WIDTH - 70.0);
            let footer = footer.into_iter().next().unwrap_or_default();
            page.content.begin_marked_content(Name(b"Artifact"));
            show(&mut page.content, &footer, FOOTER, (MARGIN, FOOTER_AT));
            show(&mut page.content, &number, FOOTER, (at, FOOTER_AT));
            page.content.end_marked_content();
        }
        self.laid
    }

    fn block(&mut self, role: StructRole, text: &str, letters: Letters) -> Result<(), Error> {
        let element = self.element(role, 0);
        let lines = letters.lines(text, TEXT_WIDTH);
        self.lines(element, &lines, letters, MARGIN)
    }

    /// Writes lines below each other, over as many pages as they need.
    fn lines(
        &mut self,
        element: usize,
        lines: &[Vec<u8>],
        letters: Letters,
        x: f32,
    ) -> Result<(), Error> {
        for line in lines {
            self.make_room(letters.leading)?;
            self.y -= letters.leading;
            let at = (x, self.y + letters.leading - letters.size);
            self.marked(element, |content| show(content, line, letters, at));
        }
        Ok(())
    }

    fn row(&mut self, row: &Row, widths: &[f32], structure: Option<(usize, StructRole)>) {
        let top = self.y;
        let element = structure.map(|(parent, role)| (self.element(StructRole::TR, parent), role));
        let mut x = MARGIN;
        for (cell, width) in row.cells.iter().zip(widths) {
            let write = |content: &mut Content| {
                let mut y = top - CELL_PADDING;
                for line in cell {
                    y -= row.letters.leading;
                    let at = (x + CELL_PADDING, y + row.letters.leading - row.letters.size);
                    show(content, line, row.letters, at);
                }
            };
            match element {
                Some((parent, role)) => {
                    let cell = self.element(role, parent);
                    self.marked(cell, write);
                }
                None => self.artifact(write),
            }
            x += width;
        }
        self.y -= row.height;
        let y = self.y;
        self.artifact(|content| {
            content.set_line_width(0.4).set_stroke_gray(0.6);
            content.move_to(MARGIN, y).line_to(PAGE_WIDTH - MARGIN, y);
            content.stroke();
        });
    }

    fn element(&mut self, role: StructRole, parent: usize) -> usize {
        let place = self.laid.elements.len();
        self.laid.elements.push(Element {
            role,
            parent: Some(parent),
            kids: Vec::new(),
        });
        if let Some(parent) = self.laid.elements.get_mut(parent) {
            parent.kids.push(Kid::Element(place));
        }
        place
    }

    fn marked(&mut self, element: usize, write: impl FnOnce(&mut Content)) {
        let page_number = self.laid.pages.len().saturating_sub(1);
        let Some(page) = self.laid.pages.last_mut() else {
            return;
        };
        let number = page.marked.len();
        page.marked.push(element);
        let tag = self.laid.elements.get(element);
        let tag = tag.map_or(Name(b"Span"), |it| tag_of(it.role));
        page.content
            .begin_marked_content_with_properties(tag)
            .properties()
            .identify(i32::try_from(number).unwrap_or(i32::MAX));
        write(&mut page.content);
        page.content.end_marked_content();
        if let Some(element) = self.laid.elements.get_mut(element) {
            element.kids.push(Kid::Marked {
                page: page_number,
                number,
            });
        }
    }

    fn artifact(&mut self, write: impl FnOnce(&mut Content)) {
        if let Some(page) = self.laid.pages.last_mut() {
            page.content.begin_marked_content(Name(b"Artifact"));
            write(&mut page.content);
            page.content.end_marked_content();
        }
    }

    fn make_room(&mut self, height: f32) -> Result<(), Error> {
        match self.y - height < BOTTOM {
            true => self.new_page(),
            false => Ok(()),
        }
    }

    fn new_page(&mut self) -> Result<(), Error> {
        if self.laid.pages.len() >= PAGES_MAX {
            return Err(Error::DocumentTooLong);
        }
        self.laid.pages.push(Page::new());
        self.y = PAGE_HEIGHT - MARGIN;
        Ok(())
    }
}

impl Page {
    fn new() -> Self {
        Self {
            content: Content::new(),
            marked: Vec::new(),
        }
    }
}

/// A table's row, broken into lines.
struct Row {
    cells: Vec<Vec<Vec<u8>>>,
    letters: Letters,
    height: f32,
}

impl Row {
    fn new(cells: &[String], widths: &[f32], letters: Letters) -> Self {
        let broken = |(cell, width): (&String, &f32)| {
            let mut lines = letters.lines(cell, width - 2.0 * CELL_PADDING);
            if lines.len() > CELL_LINES_MAX {
                lines.truncate(CELL_LINES_MAX);
                lines.push(encode("…"));
            }
            lines
        };
        let cells: Vec<_> = cells.iter().zip(widths).map(broken).collect();
        let lines = cells.iter().map(Vec::len).max().unwrap_or_default();
        Self {
            cells,
            letters,
            height: line_count(lines) * letters.leading + 2.0 * CELL_PADDING,
        }
    }
}

fn line_count(lines: usize) -> f32 {
    f32::from(u16::try_from(lines).unwrap_or(u16::MAX))
}

fn show(content: &mut Content, line: &[u8], letters: Letters, (x, y): (f32, f32)) {
    let face = match letters.face {
        Face::Regular => REGULAR,
        Face::Bold => BOLD,
    };
    content.begin_text();
    content.set_font(face, letters.size);
    content.next_line(x, y);
    content.show(Str(line));
    content.end_text();
}

fn tag_of(role: StructRole) -> Name<'static> {
    match role {
        StructRole::H1 => Name(b"H1"),
        StructRole::H2 => Name(b"H2"),
        StructRole::P => Name(b"P"),
        StructRole::Lbl => Name(b"Lbl"),
        StructRole::LBody => Name(b"LBody"),
        StructRole::TH => Name(b"TH"),
        StructRole::TD => Name(b"TD"),
        _ => Name(b"Span"),
    }
}
