//! The picture: what robots take from the guard and from the fixed limit, and the trade-off.

use std::fmt::Write as _;

use cardea_guard::simulator::scenario::ROBOTS;

use crate::report;
use crate::study::Loot;

const WIDTH: f64 = 1180.0;
const ROW: f64 = 24.0;
const TOP: f64 = 70.0;
const LABELS: f64 = 190.0;
const LEFT_END: f64 = 560.0;
const RIGHT: f64 = 680.0;
const RIGHT_END: f64 = 1000.0;
const GUARD: &str = "#0b6e4f";
const FIXED: &str = "#c2571a";
const COLOURS: [&str; 7] = [
    "#0b6e4f", "#c2571a", "#3b5ba9", "#8e3b8a", "#7a7a1e", "#1d8ea8", "#b3263a",
];

/// One line of the trade-off: a robot's name, and needless requests with patients reached for each
/// scale of the rules.
pub(crate) struct Line {
    /// The robot.
    pub(crate) name: &'static str,
    /// Requests in 1 000 practitioner-days, and patients.
    pub(crate) points: Vec<(f64, f64)>,
    /// The point of the rules as they are shipped.
    pub(crate) shipped: (f64, f64),
}

/// Draws both panels.
pub(crate) fn draw(guard: &Loot, fixed: &Loot, lines: &[Line]) -> String {
    let height = TOP + ROW * ROBOTS.len() as f64 + 70.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"sans-serif\" font-size=\"12\" fill=\"#222\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#fff\"/>\n"
    );
    text(
        &mut svg,
        20.0,
        24.0,
        "start",
        "bold",
        "Distinct patients that a robot takes from an account in all",
    );
    let legend = format!(
        "<circle cx=\"26\" cy=\"42\" r=\"5\" fill=\"{GUARD}\"/><text x=\"36\" y=\"46\">guard</text>\
         <rect x=\"91\" y=\"37\" width=\"9\" height=\"9\" fill=\"{FIXED}\"/>\
         <text x=\"106\" y=\"46\">best fixed limit; bars: least to most over the seeds</text>\n"
    );
    svg.push_str(&legend);
    robots(&mut svg, guard, fixed, height - 50.0);
    trade_off(&mut svg, lines, height - 50.0);
    svg.push_str("</svg>\n");
    svg
}

fn robots(svg: &mut String, guard: &Loot, fixed: &Loot, bottom: f64) {
    let x = |patients: f64| LABELS + (LEFT_END - LABELS) * log_share(patients, 1.0, 100_000.0);
    for decade in [1.0, 10.0, 100.0, 1_000.0, 10_000.0, 100_000.0] {
        grid(svg, (x(decade), TOP - 10.0), (x(decade), bottom));
        text(
            svg,
            x(decade),
            bottom + 16.0,
            "middle",
            "normal",
            &format!("{decade}"),
        );
    }
    for (row, robot) in ROBOTS.iter().enumerate() {
        let y = TOP + ROW * (row as f64 + 0.5);
        text(svg, LABELS - 8.0, y + 4.0, "end", "normal", robot.name);
        for (loot, colour, shift) in [(guard, GUARD, -4.0), (fixed, FIXED, 4.0)] {
            let taken = loot
                .get(robot.name)
                .and_then(|loot| report::reached_in_all(loot));
            let Some((least, median, most)) = taken else {
                continue;
            };
            let (from, to) = (x(least as f64), x(most as f64));
            let y = y + shift;
            let _ = writeln!(
                svg,
                "<path d=\"M{from:.1} {y:.1}H{to:.1}\" stroke=\"{colour}\" stroke-width=\"2\"/>"
            );
            let at = x(median as f64);
            let _ = if colour == GUARD {
                writeln!(
                    svg,
                    "<circle cx=\"{at:.1}\" cy=\"{y:.1}\" r=\"5\" fill=\"{colour}\"/>"
                )
            } else {
                writeln!(
                    svg,
                    "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"8\" height=\"8\" fill=\"{colour}\"/>",
                    at - 4.0,
                    y - 4.0
                )
            };
        }
    }
}

fn trade_off(svg: &mut String, lines: &[Line], bottom: f64) {
    let head = "Trade-off: all limits scaled from strict to lax";
    text(svg, RIGHT - 50.0, 24.0, "start", "bold", head);
    let words = "up: patients taken in all; right: needless requests in 1 000 practitioner-days";
    text(svg, RIGHT - 50.0, 46.0, "start", "normal", words);
    let x = |asked: f64| RIGHT + (RIGHT_END - RIGHT) * log_share(asked, 0.05, 500.0);
    let y = |taken: f64| bottom - (bottom - TOP) * log_share(taken, 1.0, 100_000.0);
    for (asked, label) in [
        (0.05, "0"),
        (0.1, "0.1"),
        (1.0, "1"),
        (10.0, "10"),
        (100.0, "100"),
    ] {
        grid(svg, (x(asked), TOP - 10.0), (x(asked), bottom));
        text(svg, x(asked), bottom + 16.0, "middle", "normal", label);
    }
    for decade in [1.0, 10.0, 100.0, 1_000.0, 10_000.0, 100_000.0] {
        grid(svg, (RIGHT, y(decade)), (RIGHT_END, y(decade)));
        text(
            svg,
            RIGHT - 6.0,
            y(decade) + 4.0,
            "end",
            "normal",
            &format!("{decade}"),
        );
    }
    let mut labels: Vec<(f64, &str, &str)> = Vec::new();
    for (line, colour) in lines.iter().zip(COLOURS) {
        let points = line
            .points
            .iter()
            .map(|(a, b)| format!("{:.1},{:.1}", x(*a), y(*b)));
        let points = points.collect::<Vec<_>>().join(" ");
        let _ = writeln!(
            svg,
            "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>"
        );
        let (a, b) = line.shipped;
        let _ = writeln!(
            svg,
            "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"5\" fill=\"{colour}\"/>",
            x(a),
            y(b)
        );
        labels.push((y(b), line.name, colour));
    }
    labels.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut above = 0.0_f64;
    for (at, name, colour) in labels {
        above = at.max(above + 15.0);
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" fill=\"{colour}\">{name}</text>",
            RIGHT_END + 10.0,
            above + 4.0
        );
    }
    text(
        svg,
        RIGHT,
        bottom + 34.0,
        "start",
        "normal",
        "dots: the rules as shipped",
    );
}

fn log_share(value: f64, low: f64, high: f64) -> f64 {
    ((value.max(low) / low).ln() / (high / low).ln()).clamp(0.0, 1.0)
}

fn grid(svg: &mut String, from: (f64, f64), to: (f64, f64)) {
    let _ = writeln!(
        svg,
        "<path d=\"M{:.1} {:.1}L{:.1} {:.1}\" stroke=\"#ddd\"/>",
        from.0, from.1, to.0, to.1
    );
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, weight: &str, words: &str) {
    let _ = writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" \
         font-weight=\"{weight}\">{words}</text>"
    );
}
