//! A bar chart as inline SVG, with the same numbers in a table below it: no script, and nothing
//! that colour alone would tell.
//!
//! A page gives it to its template as a value (`{{ chart|safe }}`); what it shows is escaped here.
//! At most [`BARS_MAX`] bars are drawn, the first ones.

use askama::Template;

use crate::language::{Language, Text};

/// Bars of one chart.
pub(crate) const BARS_MAX: usize = 62;
/// The drawing's width, in its own units; the style gives it the width of its place.
const WIDTH: u64 = 400;
/// Kept free at the right for the numbers.
const NUMBERS: u64 = 64;
/// Labels that are no longer stand beside their bars, others above.
const BESIDE_CHARACTERS_MAX: usize = 14;
/// Letters of a label above its bar that the drawing has room for.
const ABOVE_CHARACTERS_MAX: usize = 52;
/// How wide a letter is at most, on the average.
const LETTER: u64 = 8;

/// What a chart shows.
#[derive(Clone, Debug)]
pub(crate) struct BarChart {
    /// What it is about: its caption.
    pub(crate) title: String,
    /// What it shows, in a sentence, for whoever does not see it.
    pub(crate) description: String,
    /// What the labels are, such as "Day": the table's first column.
    pub(crate) of: &'static str,
    /// What the numbers are, such as "Logins": the table's second column.
    pub(crate) counted: &'static str,
    /// From top to bottom.
    pub(crate) bars: Vec<Bar>,
    /// A line across the bars.
    pub(crate) limit: Option<Limit>,
}

/// One bar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bar {
    /// What it stands for.
    pub(crate) label: String,
    /// How much.
    pub(crate) value: u64,
}

/// What should not be exceeded, such as a budget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    /// How much.
    pub(crate) value: u64,
    /// What it is, such as "Budget of a day".
    pub(crate) label: String,
}

/// The chart in a language, placed.
#[derive(Template)]
#[template(path = "chart.html")]
struct Drawing<'a> {
    language: Language,
    chart: &'a BarChart,
    rows: Vec<Row<'a>>,
    height: u64,
    limit_at: Option<u64>,
}

struct Row<'a> {
    bar: &'a Bar,
    /// As the drawing has it; the table has it whole.
    label: String,
    label_x: u64,
    label_y: u64,
    x: u64,
    y: u64,
    width: u64,
    number_x: u64,
    number_y: u64,
    number: String,
    is_over: bool,
}

impl Bar {
    /// A bar for `label`.
    pub(crate) fn new(label: impl Into<String>, value: u64) -> Self {
        Self {
            label: label.into(),
            value,
        }
    }
}

impl BarChart {
    /// The chart as HTML: a `<figure>`. Empty when it cannot be rendered, which is logged.
    pub(crate) fn html(&self, language: Language) -> String {
        self.drawing(language).render().unwrap_or_else(|_| {
            tracing::error!(code = "server.internal", "a chart could not be rendered");
            String::new()
        })
    }

    fn drawing(&self, language: Language) -> Drawing<'_> {
        let shown = || self.bars.iter().take(BARS_MAX);
        let letters = shown().map(|bar| bar.label.chars().count()).max();
        let letters = letters.unwrap_or_default();
        let is_beside = letters <= BESIDE_CHARACTERS_MAX;
        let (left, step) = match is_beside {
            true => (u64::try_from(letters).unwrap_or_default() * LETTER + 8, 26),
            false => (0, 44),
        };
        let top = if self.limit.is_some() { 22 } else { 4 };
        let limit = self.limit.as_ref().map(|limit| limit.value);
        let most = shown().map(|bar| bar.value).chain(limit).max();
        let most = most.unwrap_or_default().max(1);
        let scaled = |value: u64| {
            let span = u128::from(WIDTH.saturating_sub(left + NUMBERS));
            let width = u128::from(value) * span / u128::from(most);
            u64::try_from(width).unwrap_or(WIDTH)
        };
        let rows = shown().zip(0_u64..).map(|(bar, place)| {
            let at = top + place * step;
            let (y, label_y) = match is_beside {
                true => (at + 3, at + 18),
                false => (at + 21, at + 15),
            };
            // Something is more than nothing.
            let width = scaled(bar.value).max(u64::from(bar.value > 0));
            let is_over = limit.is_some_and(|limit| bar.value > limit);
            Row {
                bar,
                label: cut(&bar.label),
                label_x: 0,
                label_y,
                x: left,
                y,
                width,
                number_x: left + width + 6,
                number_y: y + 15,
                number: number(bar.value, language),
                is_over,
            }
        });
        let rows: Vec<_> = rows.collect();
        let count = u64::try_from(rows.len()).unwrap_or_default();
        Drawing {
            language,
            chart: self,
            rows,
            height: top + count * step + 4,
            limit_at: limit.map(|limit| left + scaled(limit)),
        }
    }
}

impl Drawing<'_> {
    fn say(&self, text: Text) -> &'static str {
        text.in_language(self.language)
    }

    fn limit_number(&self, limit: &Limit) -> String {
        number(limit.value, self.language)
    }

    fn is_any_over(&self) -> bool {
        self.rows.iter().any(|row| row.is_over)
    }

    fn limit_line(&self) -> Option<(u64, &Limit)> {
        self.limit_at.zip(self.chart.limit.as_ref())
    }

    /// Beside the line, where there is room for it.
    fn limit_anchor(&self) -> &'static str {
        match self.limit_at {
            Some(at) if at > WIDTH / 2 => "end",
            _ => "start",
        }
    }
}

fn cut(label: &str) -> String {
    match label.char_indices().nth(ABOVE_CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", label.get(..end).unwrap_or_default()),
        None => label.to_owned(),
    }
}

/// A number as people write it, its thousands apart.
pub(crate) fn number(value: u64, language: Language) -> String {
    let digits = value.to_string();
    let mut written = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            written.push(match language {
                Language::French => '\u{202f}',
                Language::English => ',',
            });
        }
        written.push(digit);
    }
    written
}

const AS_TABLE: Text = Text::new("The numbers as a table", "Les chiffres en tableau");
const NOTHING: Text = Text::new("Nothing yet.", "Rien pour le moment.");
const OVER: Text = Text::new("above", "au-dessus");
const OVER_MARK: Text = Text::new("▲ = above the line", "▲ = au-dessus de la ligne");

#[cfg(test)]
mod tests {
    use super::{Bar, BarChart, Limit, WIDTH, number};
    use crate::language::Language;

    fn chart(bars: Vec<Bar>, limit: Option<u64>) -> BarChart {
        BarChart {
            title: "Look-ups a day".to_owned(),
            description: "Patients looked up on each of the last days.".to_owned(),
            of: "Day",
            counted: "Patients",
            bars,
            limit: limit.map(|value| Limit {
                value,
                label: "Budget".to_owned(),
            }),
        }
    }

    #[test]
    fn every_bar_stands_in_the_drawing_and_in_the_table() {
        let bars = vec![Bar::new("Mon", 3), Bar::new("Tue", 12_000)];
        let html = chart(bars, Some(100)).html(Language::English);
        assert_eq!(html.matches("class=\"column").count(), 2, "{html}");
        assert_eq!(html.matches("12,000").count(), 2, "{html}");
        assert!(html.contains("<th scope=\"row\">Tue</th>"), "{html}");
        assert!(html.contains("role=\"img\""), "{html}");
        // What is above the line says so by a mark and by a word.
        assert!(html.contains("12,000 ▲"), "{html}");
        assert_eq!(html.matches("class=\"column over").count(), 1, "{html}");
        assert!(!html.contains("style="), "{html}");
        assert!(!html.contains("<script"), "{html}");
    }

    #[test]
    fn what_it_shows_is_escaped() {
        let html = chart(vec![Bar::new("<script>\"&", 1)], None).html(Language::French);
        assert!(!html.contains("<script"), "{html}");
    }

    #[test]
    fn no_bar_leaves_its_drawing() {
        for values in [vec![], vec![0, 0], vec![u64::MAX, 0, 1], vec![1; 200]] {
            let bars = values
                .iter()
                .map(|value| Bar::new("a long label of a bar", *value));
            let chart = chart(bars.collect(), Some(7));
            let drawing = chart.drawing(Language::English);
            for row in &drawing.rows {
                assert!(row.x + row.width <= WIDTH);
                assert!(row.y < drawing.height);
            }
        }
    }

    #[test]
    fn thousands_stand_apart() {
        assert_eq!(number(1_234_567, Language::English), "1,234,567");
        assert_eq!(number(1_234, Language::French), "1\u{202f}234");
        assert_eq!(number(12, Language::French), "12");
    }
}
