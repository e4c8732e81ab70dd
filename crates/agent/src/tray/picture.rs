//! The icon's pictures, drawn here so that no theme must have them.
//!
//! Each state has a shape of its own, and colour only adds to it: an empty outline, a card with its
//! chip, the card with a tick, the card behind a padlock, a struck-out outline. A light rim keeps
//! them apart from dark panels, a dark edge from light ones.

use super::face::Sign;

/// Sizes in pixels: those that panels commonly have.
const SIZES: [i32; 4] = [16, 22, 32, 48];
/// The drawing's side: eight units are a pixel of the usual 22.
const SIDE: i32 = 176;
/// Samples of a pixel along each side.
const SAMPLES: i32 = 4;

type Colour = [u8; 3];

const RIM: Colour = [0xff, 0xff, 0xff];
const EDGE: Colour = [0x16, 0x22, 0x3d];
const CARD: Colour = [0x3d, 0x82, 0xdc];
const CARD_AWAY: Colour = [0x8b, 0x95, 0xa8];
const CHIP: Colour = [0xff, 0xd1, 0x5c];
const GOOD: Colour = [0x15, 0x80, 0x45];

/// The picture in each size: width, height, and each pixel as alpha, red, green, blue.
pub(super) fn of(sign: Sign) -> Vec<(i32, i32, Vec<u8>)> {
    SIZES.map(|size| (size, size, pixels(sign, size))).to_vec()
}

fn pixels(sign: Sign, size: i32) -> Vec<u8> {
    let rows = (0..size).flat_map(|y| (0..size).map(move |x| (x, y)));
    rows.flat_map(|(x, y)| pixel(sign, size, (x, y))).collect()
}

/// The mean of a pixel's samples.
fn pixel(sign: Sign, size: i32, (x, y): (i32, i32)) -> [u8; 4] {
    let place =
        |at: i32, sample: i32| ((at * SAMPLES + sample) * 2 + 1) * SIDE / (2 * SAMPLES * size);
    let samples = (0..SAMPLES).flat_map(|row| (0..SAMPLES).map(move |column| (column, row)));
    let (mut sum, mut covered, mut all) = ([0_u32; 3], 0_u32, 0_u32);
    for (column, row) in samples {
        all += 1;
        let Some(colour) = colour(sign, Point(place(x, column), place(y, row))) else {
            continue;
        };
        covered += 1;
        for (sum, part) in sum.iter_mut().zip(colour) {
            *sum += u32::from(part);
        }
    }
    let [red, green, blue] = sum.map(|sum| byte(sum / covered.max(1)));
    [byte(covered * 255 / all.max(1)), red, green, blue]
}

fn byte(value: u32) -> u8 {
    u8::try_from(value).unwrap_or(u8::MAX)
}

/// What lies on top at a place; nothing where the panel shows through.
fn colour(sign: Sign, at: Point) -> Option<Colour> {
    match sign {
        Sign::Unavailable | Sign::NoReader => strike(at).or_else(|| outline(at)),
        Sign::NoCard => outline(at),
        Sign::CardIn => card(at, CARD),
        Sign::SignedIn => tick(at).or_else(|| card(at, CARD)),
        Sign::Locked => padlock(at).or_else(|| card(at, CARD_AWAY)),
    }
}

/// Where a card would be.
fn outline(at: Point) -> Option<Colour> {
    let [rim, edge, inner] = [0, 9, 22].map(|by| at.is_in_box((4, 26, 172, 150), by, 22));
    match (rim, edge, inner) {
        (_, _, true) if at.is_in_box((4, 26, 172, 150), 31, 22) => None,
        (_, _, true) => Some(RIM),
        (_, true, _) => Some(EDGE),
        (true, ..) => Some(RIM),
        _ => None,
    }
}

fn card(at: Point, colour: Colour) -> Option<Colour> {
    let [rim, edge, inner] = [0, 9, 20].map(|by| at.is_in_box((4, 26, 172, 150), by, 22));
    // The chip, with the line between its contacts.
    let chip = at.is_in_box((34, 62, 84, 108), 0, 8);
    let line = at.is_in_box((34, 81, 84, 89), 0, 0);
    match (rim, edge, inner) {
        (_, _, true) if chip && line => Some(EDGE),
        (_, _, true) if chip => Some(CHIP),
        (_, _, true) => Some(colour),
        (_, true, _) => Some(EDGE),
        (true, ..) => Some(RIM),
        _ => None,
    }
}

/// Signed in: a tick in a disc.
fn tick(at: Point) -> Option<Colour> {
    let (left, low, high) = (Point(103, 122), Point(120, 139), Point(148, 105));
    if at.is_on_line((left, low), 8) || at.is_on_line((low, high), 8) {
        return Some(RIM);
    }
    let centre = Point(126, 122);
    if at.is_in_disc(centre, 42) {
        return Some(GOOD);
    }
    at.is_in_disc(centre, 50).then_some(RIM)
}

/// Locked: a padlock.
fn padlock(at: Point) -> Option<Colour> {
    let (body, hinge) = ((86, 102, 166, 170), Point(126, 98));
    if at.is_in_disc(Point(126, 132), 9) || at.is_in_box((121, 132, 131, 154), 0, 2) {
        return Some(RIM);
    }
    let is_shackle = |outer: i32, inner: i32| {
        at.1 <= body.1 && at.is_in_disc(hinge, outer) && !at.is_in_disc(hinge, inner)
    };
    if at.is_in_box(body, 0, 10) || is_shackle(30, 16) {
        return Some(EDGE);
    }
    let is_rim = at.is_in_box(body, -8, 16) || is_shackle(38, 8);
    is_rim.then_some(RIM)
}

/// No reader: a stroke through it.
fn strike(at: Point) -> Option<Colour> {
    let ends = (Point(22, 156), Point(154, 20));
    if at.is_on_line(ends, 9) {
        return Some(EDGE);
    }
    at.is_on_line(ends, 18).then_some(RIM)
}

#[derive(Clone, Copy)]
struct Point(i32, i32);

impl Point {
    /// Whether it lies in a box (left, top, right, bottom) that is smaller by `by` at each side and
    /// has round corners.
    fn is_in_box(self, (left, top, right, bottom): (i32, i32, i32, i32), by: i32, r: i32) -> bool {
        let (left, top, right, bottom) = (left + by, top + by, right - by, bottom - by);
        let r = (r - by.max(0)).max(0);
        let Self(x, y) = self;
        let inside = (left..right).contains(&x) && (top..bottom).contains(&y);
        // The nearest place that is no corner.
        let near = Self(
            x.clamp(left + r, (right - r).max(left + r)),
            y.clamp(top + r, (bottom - r).max(top + r)),
        );
        inside && (r == 0 || self.is_in_disc(near, r))
    }

    fn is_in_disc(self, Self(x, y): Self, r: i32) -> bool {
        let (across, down) = (self.0 - x, self.1 - y);
        across * across + down * down <= r * r
    }

    /// Whether it is at most `width` away from the line between two places.
    fn is_on_line(self, (from, to): (Self, Self), width: i32) -> bool {
        let along = (to.0 - from.0, to.1 - from.1);
        let away = (self.0 - from.0, self.1 - from.1);
        let length = along.0 * along.0 + along.1 * along.1;
        let reached = along.0 * away.0 + along.1 * away.1;
        if reached <= 0 {
            return self.is_in_disc(from, width);
        }
        if reached >= length {
            return self.is_in_disc(to, width);
        }
        let beside = along.0 * away.1 - along.1 * away.0;
        i64::from(beside).pow(2) <= i64::from(width).pow(2) * i64::from(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNS: [Sign; 5] = [
        Sign::NoReader,
        Sign::NoCard,
        Sign::CardIn,
        Sign::SignedIn,
        Sign::Locked,
    ];

    #[test]
    fn every_size_is_whole_and_nothing_touches_the_margin() {
        for sign in SIGNS {
            for (width, height, pixels) in of(sign) {
                assert_eq!(pixels.len(), usize::try_from(width * height * 4).unwrap());
                let corner = &pixels[..4];
                assert_eq!(corner[0], 0, "the corner is the panel's");
                assert!(pixels.chunks(4).any(|pixel| pixel[0] == 255));
            }
        }
    }

    /// Who cannot tell colours apart must tell the states apart.
    #[test]
    fn states_differ_in_grey_at_the_usual_size() {
        let grey = |sign| -> Vec<i32> {
            let pixels = pixels(sign, 22);
            let shade = |pixel: &[u8]| match pixel {
                [alpha, red, green, blue] => {
                    let light = 3 * i32::from(*red) + 6 * i32::from(*green) + i32::from(*blue);
                    // On a panel of middle grey.
                    (light / 10 - 128) * i32::from(*alpha) / 255 + 128
                }
                _ => 0,
            };
            pixels.chunks(4).map(shade).collect()
        };
        for (index, one) in SIGNS.iter().enumerate() {
            for other in &SIGNS[index + 1..] {
                let pairs = grey(*one).into_iter().zip(grey(*other));
                let apart = pairs.filter(|(a, b)| (a - b).abs() > 60).count();
                assert!(
                    apart >= 30,
                    "{one:?} and {other:?} differ in {apart} pixels"
                );
            }
        }
    }
}
