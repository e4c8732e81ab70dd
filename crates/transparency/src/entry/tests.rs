use super::{Flags, Leaf, PersonalPart, PublicPart, Salt};
use crate::{Hash, leaf_hash};

pub(crate) fn public() -> PublicPart {
    PublicPart {
        id: "0rZ8k1-abc".to_owned(),
        kind: "login.refused".to_owned(),
        occurred_at: 1_795_996_800,
    }
}

pub(crate) fn personal() -> PersonalPart {
    PersonalPart {
        authorization_request_id: Some("r".to_owned()),
        session_id: None,
        sub: Some("s".to_owned()),
        client_id: Some(String::new()),
        code: Some("card.pin_incorrect".to_owned()),
        details: r#"{"a":1}"#.to_owned(),
    }
}

/// The bytes of docs/ledger.md, put together by hand.
#[test]
fn hashes_are_those_of_the_description() {
    let salt = Salt([7; 32]);
    let mut bytes = b"cardea ledger personal 1\0".to_vec();
    bytes.extend([7; 32]);
    bytes.extend(b"\x01\x00\x00\x00\x01r");
    bytes.extend(b"\x00");
    bytes.extend(b"\x01\x00\x00\x00\x01s");
    bytes.extend(b"\x01\x00\x00\x00\x00");
    bytes.extend(b"\x01\x00\x00\x00\x12card.pin_incorrect");
    bytes.extend(b"\x00\x00\x00\x07{\"a\":1}");
    let commitment = Hash(openssl::sha::sha256(&bytes));
    assert_eq!(personal().commitment(&salt), commitment);

    let mut bytes = b"cardea ledger entry 1\0".to_vec();
    bytes.extend(b"\x00\x00\x00\x0a0rZ8k1-abc\x00\x00\x00\x0dlogin.refused");
    bytes.extend([0, 0, 0, 0, 0x6b, 0x0c, 0xbc, 0x80]);
    bytes.extend(commitment.0);
    let entry = Hash(openssl::sha::sha256(&bytes));
    assert_eq!(public().digest(&commitment), entry);

    let flags = Flags {
        may_be_forgotten: true,
        made_afterwards: false,
    };
    let leaf = Leaf { flags, entry };
    let bytes = [[1, 1].as_slice(), &entry.0].concat();
    assert_eq!(leaf.to_bytes().as_slice(), bytes);
    assert_eq!(leaf.hash(), leaf_hash(&bytes));
    assert_eq!(Leaf::from_bytes(&bytes), Ok(leaf));
}

#[test]
fn each_part_counts() {
    let salt = Salt([7; 32]);
    let whole = personal().commitment(&salt);
    let changes: [fn(&mut PersonalPart); 8] = [
        |it| it.authorization_request_id = None,
        |it| it.session_id = Some(String::new()),
        |it| it.sub = Some("t".to_owned()),
        |it| it.client_id = None,
        |it| it.code = Some("card.pin_incorrec".to_owned()),
        |it| it.details = r#"{"a": 1}"#.to_owned(),
        |it| std::mem::swap(&mut it.session_id, &mut it.sub),
        |it| it.details.clear(),
    ];
    for change in changes {
        let mut changed = personal();
        change(&mut changed);
        assert_ne!(changed.commitment(&salt), whole);
    }
    assert_ne!(personal().commitment(&Salt([8; 32])), whole);
    let entry = public().digest(&whole);
    let changes: [fn(&mut PublicPart); 4] = [
        |it| it.id.push('x'),
        |it| it.kind.push('x'),
        |it| it.occurred_at += 1,
        |it| std::mem::swap(&mut it.id, &mut it.kind),
    ];
    for change in changes {
        let mut changed = public();
        change(&mut changed);
        assert_ne!(changed.digest(&whole), entry);
    }
}

#[test]
fn what_is_no_leaf_is_refused() {
    let good = [[1, 3].as_slice(), &[9; 32]].concat();
    Leaf::from_bytes(&good).unwrap();
    let with = |version: u8, flags: u8| [[version, flags].as_slice(), &[9; 32]].concat();
    let longer = [good.as_slice(), &[0]].concat();
    for bad in [
        &with(0, 0),
        &with(2, 0),
        &with(1, 4),
        &with(1, 0x80),
        &longer,
        &vec![],
    ] {
        let refused = Leaf::from_bytes(bad).unwrap_err();
        assert_eq!(refused.code(), "transparency.entry_malformed");
    }
    assert!(Leaf::from_bytes(&good[..33]).is_err());
    assert!(Salt::from_slice(&[0; 31]).is_err());
    assert!(!format!("{:?}", Salt([0x41; 32])).contains("65"));
}
