//! An aligned table.

use std::io::{self, Write};

use crate::command::terminal_text::shown_within;

/// Most characters of one cell.
const CELL_CHARACTERS_MAX: usize = 64;
const GAP: &str = "  ";

/// Rows under a header; each row has a cell for each column.
pub(super) struct Table<const COLUMNS: usize> {
    rows: Vec<[String; COLUMNS]>,
}

impl<const COLUMNS: usize> Table<COLUMNS> {
    pub(super) fn new(header: [&str; COLUMNS]) -> Self {
        Self {
            rows: vec![header.map(str::to_owned)],
        }
    }

    /// Adds a row. Cells may come from certificates.
    pub(super) fn push(&mut self, row: [String; COLUMNS]) {
        self.rows
            .push(row.map(|cell| shown_within(&cell, CELL_CHARACTERS_MAX)));
    }

    /// Writes the table, indented.
    ///
    /// # Errors
    /// When `output` cannot be written to.
    pub(super) fn write(&self, output: &mut (impl Write + ?Sized)) -> io::Result<()> {
        let mut widths = [0; COLUMNS];
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        for row in &self.rows {
            let cells = row.iter().zip(widths);
            let cells = cells.map(|(cell, width)| format!("{cell:<width$}"));
            let line = cells.collect::<Vec<_>>().join(GAP);
            writeln!(output, "{GAP}{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(["a", "b"]);
        table.push(["été".to_owned(), "x\u{1b}y".to_owned()]);
        table.push(["z".repeat(100), String::new()]);
        let mut out = Vec::new();
        table.write(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1].chars().position(|it| it == 'x'), Some(2 + 65 + 2));
        assert!(lines[1].ends_with("x\\u{1b}y") && lines[2].ends_with("z…"));
    }
}
