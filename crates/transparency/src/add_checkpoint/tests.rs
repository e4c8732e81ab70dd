use super::{ADD_CHECKPOINT_BYTES_MAX, AddCheckpoint};
use crate::Note;

/// The specification's example.
const GOOD: &str = "old 20852014\n\
    PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n\
    jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n\
    5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=\n\
    /6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=\n\
    \n\
    example.com/behind-the-sofa\n\
    20852163\n\
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\
    \n\
    \u{2014} example.com/behind-the-sofa \
    Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n";

#[test]
fn the_specification_s_example_is_read_and_written() {
    let request = AddCheckpoint::parse(GOOD.as_bytes()).unwrap();
    assert_eq!(request.old_size(), 20_852_014);
    assert_eq!(request.proof().len(), 4);
    assert_eq!(request.checkpoint().size(), 20_852_163);
    assert_eq!(request.to_string(), GOOD);
    let again = AddCheckpoint::new(20_852_014, request.proof().to_vec(), request.note().clone());
    assert_eq!(again.unwrap(), request);
}

#[test]
fn what_is_no_request_is_refused() {
    let proof = "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n";
    let long = format!("{GOOD}{}", " ".repeat(ADD_CHECKPOINT_BYTES_MAX));
    let request = "transparency.request_malformed";
    for (why, code, body) in [
        ("empty", request, String::new()),
        ("no old size", request, GOOD.replace("old 20852014\n", "")),
        ("a leading zero", request, GOOD.replace("old ", "old 0")),
        ("two spaces", request, GOOD.replace("old ", "old  ")),
        (
            "above the new one",
            request,
            GOOD.replace("20852014", "20852164"),
        ),
        ("a hash too short", request, GOOD.replace("PlRNCrwH", "")),
        (
            "a carriage return",
            request,
            GOOD.replace("014\n", "014\r\n"),
        ),
        (
            "64 hashes",
            request,
            GOOD.replacen(proof, &proof.repeat(61), 1),
        ),
        ("too long", request, long),
        (
            "no note",
            "transparency.note_malformed",
            GOOD.split_once("\u{2014}").unwrap().0.to_owned(),
        ),
        (
            "no checkpoint",
            "transparency.checkpoint_malformed",
            GOOD.replace("\n20852163\n", "\nfive\n"),
        ),
    ] {
        let refused = AddCheckpoint::parse(body.as_bytes()).expect_err(why);
        assert_eq!(refused.code(), code, "{why}");
    }
    let note = Note::parse(b"text\n\n\xe2\x80\x94 a AAAAAAAA\n").unwrap();
    assert!(AddCheckpoint::new(0, Vec::new(), note).is_err());
}

#[test]
fn the_most_hashes_are_63() {
    let proof = "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n";
    let body = GOOD.replacen(proof, &proof.repeat(60), 1);
    let request = AddCheckpoint::parse(body.as_bytes()).unwrap();
    assert_eq!(request.proof().len(), 63);
}
