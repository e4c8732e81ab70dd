use super::{Checkpoint, EXTENSION_LINES_MAX, ORIGIN_BYTES_MAX};
use crate::{Hash, SIZE_MAX};

const GOOD: &str = "example.com/behind-the-sofa\n20852163\n\
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";

#[test]
fn the_specification_s_example_is_read() {
    let checkpoint = Checkpoint::parse(GOOD).unwrap();
    assert_eq!(checkpoint.origin(), "example.com/behind-the-sofa");
    assert_eq!(checkpoint.size(), 20_852_163);
    assert_eq!(checkpoint.to_string(), GOOD);
    assert_eq!(checkpoint.to_note().unwrap().text(), GOOD);
    let extended = checkpoint.with_extension("restored 2026-11-30").unwrap();
    let read = Checkpoint::parse(&extended.to_string()).unwrap();
    assert_eq!(read.extensions(), ["restored 2026-11-30"]);
}

#[test]
fn what_is_no_checkpoint_is_refused() {
    let lines = "x\n".repeat(EXTENSION_LINES_MAX + 1);
    for (why, text) in [
        ("empty", String::new()),
        ("two lines", "origin\n5\n".to_owned()),
        ("no end", GOOD.trim_end().to_owned()),
        ("no origin", GOOD.replace("example.com/behind-the-sofa", "")),
        (
            "a long origin",
            GOOD.replace("sofa", &"s".repeat(ORIGIN_BYTES_MAX)),
        ),
        ("a leading zero", GOOD.replace("20852163", "020852163")),
        ("a sign", GOOD.replace("20852163", "+20852163")),
        ("words", GOOD.replace("20852163", "five")),
        (
            "a size beyond all",
            GOOD.replace("20852163", &(SIZE_MAX + 1).to_string()),
        ),
        ("no root", GOOD.replace("CsUYapGG", "")),
        (
            "a root of an empty tree that is not",
            GOOD.replace("20852163", "0"),
        ),
        ("an empty further line", format!("{GOOD}\n")),
        ("a control character", format!("{GOOD}a\tb\n")),
        (
            "a long further line",
            format!("{GOOD}{}\n", "x".repeat(1025)),
        ),
        ("many further lines", format!("{GOOD}{lines}")),
    ] {
        let refused = Checkpoint::parse(&text).expect_err(why);
        assert_eq!(refused.code(), "transparency.checkpoint_malformed", "{why}");
    }
    // Attack H17: what a terminal would obey reaches no log.
    for origin in [
        "",
        "two\nlines",
        "a\tb",
        "a\u{1b}[2J",
        "a\u{9b}2J",
        "a\u{7f}",
    ] {
        assert!(Checkpoint::new(origin, 1, Hash([0; 32])).is_err());
    }
    let checkpoint = Checkpoint::new("origin", 1, Hash([0; 32])).unwrap();
    assert!(checkpoint.with_extension("two\nlines").is_err());
}
