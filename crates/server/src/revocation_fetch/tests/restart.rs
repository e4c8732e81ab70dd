//! What a restart finds in the folder.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use cardea_pki::Certificate;
use cardea_pki::revocation::SourcePreference;
use time::ext::NumericalDuration;

use super::world::{AUTHORITY, Card, RULES, World, list_path};
use crate::revocation_fetch::address::{Address, Kind};
use crate::revocation_fetch::list_store::StoredBody;
use crate::revocation_fetch::stored_lists;

/// A world whose lists were fetched before a restart, and are within their refresh time.
async fn world() -> (World, Card) {
    let world = World::new(SourcePreference::CrlOnly).await;
    let card = world.card();
    world.judge(&world.fetcher(), &card).await.unwrap();
    assert_eq!(world.publisher.list_requests(), 2);
    (world, card)
}

/// The stored files of lists, that of the card's issuer first.
fn files(world: &World) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(world.dir())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "list")
        })
        .collect();
    let own = list_path(AUTHORITY);
    files.sort_by_key(|path| {
        let content = fs::read(path).unwrap();
        !String::from_utf8_lossy(&content).contains(&own)
    });
    files
}

#[tokio::test]
async fn a_restart_fetches_nothing() {
    let (world, card) = world().await;
    let fetcher = world.fetcher();
    assert!(world.judge(&fetcher, &card).await.is_ok());
    assert_eq!(world.publisher.list_requests(), 2);
    // Even when the publisher is away, and the lists are due.
    world.clock.advance(1.hours());
    world.publisher.close_gate();
    let good = world.judge(&world.fetcher(), &card).await.unwrap();
    assert_eq!(good.age_seconds(), 3600);
}

#[tokio::test]
async fn a_stored_list_that_is_due_is_fetched_in_the_background() {
    let (world, card) = world().await;
    world.clock.advance(1.hours());
    world.publish(AUTHORITY, 2, &[]);
    let fetcher = world.fetcher();
    fetcher.refresh_lists().await;
    assert_eq!(world.publisher.requests(&list_path(AUTHORITY)), 2);
    let good = world.judge(&fetcher, &card).await.unwrap();
    assert_eq!(good.age_seconds(), 0);
}

#[tokio::test]
async fn the_folder_and_its_files_are_their_users_alone() {
    let (world, _) = world().await;
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&world.dir()), 0o700);
    for entry in fs::read_dir(world.dir()).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
    // An operator's careless folder is closed at the next start.
    fs::set_permissions(world.dir(), fs::Permissions::from_mode(0o755)).unwrap();
    drop(world.fetcher());
    assert_eq!(mode(&world.dir()), 0o700);
}

type Damage = fn(&World);

/// Each damage to the files of two lists, and whether the first list is fetched again.
const DAMAGES: &[(&str, Damage)] = &[
    ("one octet flipped", |world| {
        let file = &files(world)[0];
        let mut content = fs::read(file).unwrap();
        let middle = content.len() - 100;
        content[middle] ^= 1;
        fs::write(file, content).unwrap();
    }),
    ("cut short", |world| {
        let file = &files(world)[0];
        let content = fs::read(file).unwrap();
        fs::write(file, &content[..content.len() / 2]).unwrap();
    }),
    ("empty", |world| fs::write(&files(world)[0], b"").unwrap()),
    ("without a line", |world| {
        fs::write(&files(world)[0], vec![b'x'; 100_000]).unwrap();
    }),
    ("in each other's places", |world| {
        let files = files(world);
        let beside = world.dir().join("beside");
        fs::rename(&files[0], &beside).unwrap();
        fs::rename(&files[1], &files[0]).unwrap();
        fs::rename(&beside, &files[1]).unwrap();
    }),
    ("a link", |world| {
        let file = &files(world)[0];
        let elsewhere = world.folder.path().join("elsewhere");
        fs::rename(file, &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, file).unwrap();
    }),
    ("a folder", |world| {
        let file = &files(world)[0];
        fs::remove_file(file).unwrap();
        fs::create_dir(file).unwrap();
    }),
    ("forged, with a fitting digest", |world| {
        let impostor = cardea_test_pki::TestPki::fast(super::world::START).unwrap();
        let spec = world.list(AUTHORITY, 9, &[]);
        replace_list(
            world,
            impostor.authority(AUTHORITY).unwrap().crl(&spec).unwrap(),
        );
    }),
];

/// Puts another list into the first file, as somebody does who may write there.
fn replace_list(world: &World, der: Vec<u8>) {
    let file = &files(world)[0];
    let content = fs::read(file).unwrap();
    let end = content.iter().position(|octet| *octet == b'\n').unwrap();
    let mut header: serde_json::Value = serde_json::from_slice(&content[..end]).unwrap();
    header["sha256"] = cardea_jose::sha256_base64url(&der).into();
    let mut content = serde_json::to_vec(&header).unwrap();
    content.push(b'\n');
    content.extend_from_slice(&der);
    fs::write(file, content).unwrap();
}

#[tokio::test]
async fn a_damaged_or_swapped_file_is_fetched_again_and_never_used() {
    for (name, damage) in DAMAGES {
        let (world, card) = world().await;
        // What is stored would let the card in; what is published does not.
        world.publish(AUTHORITY, 2, &[&card.issued]);
        damage(&world);
        let judged = world.judge(&world.fetcher(), &card).await;
        assert_eq!(judged, Err("pki.certificate_revoked"), "{name}");
        assert_eq!(world.publisher.requests(&list_path(AUTHORITY)), 2, "{name}");
    }
}

/// Attack B6.
#[tokio::test]
async fn a_list_put_back_into_the_folder_is_told_by_its_number() {
    let world = World::new(SourcePreference::CrlOnly).await;
    let card = world.card();
    let old = world.list(AUTHORITY, 1, &[]);
    let old = world.pki.authority(AUTHORITY).unwrap().crl(&old).unwrap();
    world.publish(AUTHORITY, 2, &[&card.issued]);
    let revoked = Err("pki.certificate_revoked");
    assert_eq!(world.judge(&world.fetcher(), &card).await, revoked);
    replace_list(&world, old.clone());
    assert_eq!(world.judge(&world.fetcher(), &card).await, revoked);
    assert_eq!(world.publisher.requests(&list_path(AUTHORITY)), 2);
    // Nor does the publisher's address give it back after a restart without any list.
    for file in files(&world) {
        fs::remove_file(file).unwrap();
    }
    world.publisher.put(&list_path(AUTHORITY), old);
    let judged = world.judge(&world.fetcher(), &card).await;
    assert_eq!(judged, Err("pki.crl_rolled_back"));
}

#[tokio::test]
async fn a_file_cannot_send_the_server_to_another_host() {
    let (world, _) = world().await;
    let canary = super::publisher::Canary::silent().await;
    let authority = world.pki.authority(AUTHORITY).unwrap();
    let issuer = Certificate::parse(authority.certificate_der()).unwrap();
    let file = &files(&world)[0];
    let content = fs::read(file).unwrap();
    let elsewhere = format!("http://{}/list.crl", canary.address);
    let from = format!("{}{}", world.publisher.base_url(), list_path(AUTHORITY));
    let content = replace(&content, from.as_bytes(), elsewhere.as_bytes());
    let series = StoredBody::read(file).unwrap().series;
    let url = elsewhere.parse().unwrap();
    let address = Address::new(RULES, &url, &issuer, Kind::Complete);
    let place = world
        .dir()
        .join(address.digest(&series))
        .with_extension("list");
    fs::write(&place, content).unwrap();
    assert!(
        StoredBody::read(&place).is_ok(),
        "whole, and in its own place"
    );
    world.clock.advance(1.hours());
    world.fetcher().refresh_lists().await;
    assert_eq!(canary.connections(), 0);
}

fn replace(content: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut windows = content.windows(from.len());
    let start = windows.position(|window| window == from).unwrap();
    [&content[..start], to, &content[start + from.len()..]].concat()
}

#[tokio::test]
async fn a_refresh_time_longer_than_the_usual_one_holds_across_a_restart() {
    let mut world = World::new(SourcePreference::CrlOnly).await;
    world.config.crl_refresh_seconds = 86_400;
    let card = world.card();
    world.judge(&world.fetcher(), &card).await.unwrap();
    world.clock.advance(2.hours());
    let fetcher = world.fetcher();
    fetcher.refresh_lists().await;
    assert_eq!(world.publisher.requests(&list_path(AUTHORITY)), 1);
}

#[tokio::test]
async fn unreadable_numbers_are_no_reason_not_to_start() {
    let (world, card) = world().await;
    fs::write(world.dir().join("numbers"), b"\xff\xfe").unwrap();
    assert!(world.judge(&world.fetcher(), &card).await.is_ok());
    assert_eq!(world.publisher.list_requests(), 2);
}

#[tokio::test]
async fn a_folder_that_cannot_be_used_leaves_the_lists_in_memory() {
    let world = World::new(SourcePreference::CrlOnly).await;
    let card = world.card();
    fs::write(world.dir(), b"a file").unwrap();
    let fetcher = world.fetcher();
    assert!(world.judge(&fetcher, &card).await.is_ok());
    assert!(world.judge(&fetcher, &card).await.is_ok());
    assert_eq!(world.publisher.list_requests(), 2);
}

#[tokio::test]
async fn what_a_crash_left_half_written_is_cleared_away() {
    let (world, card) = world().await;
    let half = world.dir().join("x.1-1.new");
    fs::write(&half, b"half").unwrap();
    assert!(world.judge(&world.fetcher(), &card).await.is_ok());
    assert!(!half.exists());
}

#[tokio::test]
async fn an_operator_sees_what_is_stored() {
    let (world, _) = world().await;
    let lists = stored_lists(&world.dir()).unwrap();
    assert_eq!(lists.len(), 2);
    let own = lists
        .iter()
        .find(|list| list.url.ends_with(&list_path(AUTHORITY)))
        .unwrap();
    let authority = world.pki.authority(AUTHORITY).unwrap();
    let issuer = Certificate::parse(authority.certificate_der()).unwrap();
    assert_eq!(own.issuer, issuer.subject().to_string());
    assert_eq!(own.number.as_ref().unwrap().as_be_bytes(), [1]);
    assert_eq!((own.entries, own.is_delta), (0, false));
    assert_eq!(own.fetched_at, super::world::START);
    assert_eq!(own.this_update, super::world::START);
    assert!(
        stored_lists(&world.folder.path().join("none"))
            .unwrap()
            .is_empty()
    );
}
