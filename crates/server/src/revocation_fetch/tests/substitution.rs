//! Genuine lists in the place of another (attack B6): what is known to be revoked stays so.

use cardea_pki::revocation::SourcePreference;
use cardea_pki::{Certificate, TrustStore};
use cardea_test_pki::{AuthorityName, CrlScope, CrlSpec, OcspStatus, TestPki};
use time::ext::NumericalDuration;

use super::world::{AUTHORITY, Card, RULES, START, World, list_path};
use crate::http_client::HttpClient;
use crate::revocation_fetch::{AnchorSettings, RevocationFetcher, stored_lists};

const REVOKED: Result<(), &str> = Err("pki.certificate_revoked");

/// A list that the authorities did sign, and that is not the one to be published.
struct Substitute {
    name: &'static str,
    /// Of the right list, which names the card.
    number: Option<u64>,
    make: fn(&World) -> Vec<u8>,
}

const SUBSTITUTES: &[Substitute] = &[
    Substitute {
        name: "an older list, where none has a number",
        number: None,
        make: |world| {
            let mut spec = world.list(AUTHORITY, 0, &[]);
            spec.number = None;
            spec.this_update = START - 1.hours();
            sign(world, AUTHORITY, &spec)
        },
    },
    Substitute {
        name: "a delta list",
        number: Some(2),
        make: |world| {
            let mut spec = world.list(AUTHORITY, 3, &[]);
            spec.delta_base = Some(1);
            sign(world, AUTHORITY, &spec)
        },
    },
    Substitute {
        name: "a list about authorities",
        number: Some(2),
        make: |world| {
            let mut spec = world.list(AUTHORITY, 3, &[]);
            spec.scope = Some(about_authorities());
            sign(world, AUTHORITY, &spec)
        },
    },
    Substitute {
        name: "the root's list",
        number: Some(2),
        make: |world| {
            sign(
                world,
                AUTHORITY.root(),
                &world.list(AUTHORITY.root(), 3, &[]),
            )
        },
    },
];

fn sign(world: &World, authority: AuthorityName, spec: &CrlSpec) -> Vec<u8> {
    world.pki.authority(authority).unwrap().crl(spec).unwrap()
}

fn about_authorities() -> CrlScope {
    CrlScope {
        uri: None,
        only_user_certificates: false,
        only_authority_certificates: true,
        indirect: false,
    }
}

fn about_cards() -> CrlScope {
    CrlScope {
        only_user_certificates: true,
        only_authority_certificates: false,
        ..about_authorities()
    }
}

async fn world(preference: SourcePreference) -> World {
    let world = World::new(preference).await;
    world
        .publisher
        .change(|content| content.ocsp = Some(OcspStatus::Good));
    world
}

fn publish(world: &World, number: Option<u64>, revoked: &[&Card]) {
    let revoked: Vec<_> = revoked.iter().map(|card| &card.issued).collect();
    let mut spec = world.list(AUTHORITY, 0, &revoked);
    spec.number = number;
    let der = sign(world, AUTHORITY, &spec);
    world.publisher.put(&list_path(AUTHORITY), der);
}

async fn judge(
    world: &World,
    fetcher: &RevocationFetcher,
    card: &Card,
) -> Result<(), &'static str> {
    world.judge(fetcher, card).await.map(|_| ())
}

/// Fetches what is there at a later time, before a login would have it fetched.
async fn refresh_later(world: &World, fetcher: &RevocationFetcher) {
    world.clock.advance(6.minutes());
    let before = world.publisher.requests(&list_path(AUTHORITY));
    fetcher.refresh_lists().await;
    assert_eq!(world.publisher.requests(&list_path(AUTHORITY)), before + 1);
}

const PREFERENCES: [SourcePreference; 2] =
    [SourcePreference::CrlOnly, SourcePreference::OcspThenCrl];

#[tokio::test]
async fn no_other_list_takes_the_place_of_the_one_that_revokes() {
    for preference in PREFERENCES {
        for substitute in SUBSTITUTES {
            let name = format!("{} ({preference:?})", substitute.name);
            let world = world(preference).await;
            let (other, card) = (world.card(), world.card());
            publish(&world, substitute.number, &[&card]);
            let fetcher = world.fetcher();
            let is_revoked =
                |judged: &Result<_, _>| matches!(judged, Err("pki.certificate_revoked"));
            world.judge_until(&fetcher, &card, is_revoked).await;

            let served = (substitute.make)(&world);
            world.publisher.put(&list_path(AUTHORITY), served);
            refresh_later(&world, &fetcher).await;
            assert_eq!(judge(&world, &fetcher, &card).await, REVOKED, "{name}");
            drop(fetcher);
            // The folder has not forgotten either, and a new server takes no worse list.
            let next = world.fetcher();
            assert_eq!(
                judge(&world, &next, &card).await,
                REVOKED,
                "restart, {name}"
            );
            refresh_later(&world, &next).await;
            assert_eq!(judge(&world, &next, &card).await, REVOKED, "later, {name}");

            // Whoever did that has not locked the publisher out.
            world.clock.advance(1.minutes());
            publish(&world, substitute.number.map(|_| 4), &[&card, &other]);
            refresh_later(&world, &next).await;
            assert_eq!(judge(&world, &next, &other).await, REVOKED, "after, {name}");
        }
    }
}

#[tokio::test]
async fn a_list_that_came_first_does_not_keep_the_right_one_out() {
    for substitute in SUBSTITUTES {
        let name = substitute.name;
        let world = World::new(SourcePreference::CrlOnly).await;
        let (fetcher, card) = (world.fetcher(), world.card());
        let served = (substitute.make)(&world);
        world.publisher.put(&list_path(AUTHORITY), served);
        let _ = judge(&world, &fetcher, &card).await;
        world.clock.advance(1.minutes());
        publish(&world, substitute.number, &[&card]);
        refresh_later(&world, &fetcher).await;
        assert_eq!(judge(&world, &fetcher, &card).await, REVOKED, "{name}");
        let next = world.fetcher();
        assert_eq!(
            judge(&world, &next, &card).await,
            REVOKED,
            "restart, {name}"
        );
    }
}

#[tokio::test]
async fn a_publisher_that_changes_its_scope_is_heeded_at_once_and_what_was_known_stays() {
    let world = World::new(SourcePreference::CrlOnly).await;
    let (fetcher, known) = (world.fetcher(), world.card());
    let (new, good) = (world.card(), world.card());
    publish(&world, Some(2), &[&known]);
    assert_eq!(judge(&world, &fetcher, &known).await, REVOKED);
    world.clock.advance(1.minutes());
    let mut spec = world.list(AUTHORITY, 3, &[&new.issued]);
    spec.scope = Some(about_cards());
    let der = sign(&world, AUTHORITY, &spec);
    world.publisher.put(&list_path(AUTHORITY), der);
    refresh_later(&world, &fetcher).await;
    for fetcher in [fetcher, world.fetcher()] {
        assert_eq!(judge(&world, &fetcher, &new).await, REVOKED);
        assert_eq!(judge(&world, &fetcher, &known).await, REVOKED);
        assert_eq!(judge(&world, &fetcher, &good).await, Ok(()));
    }
}

#[tokio::test]
async fn an_older_list_without_a_number_is_told_after_a_restart_without_lists() {
    let world = World::new(SourcePreference::CrlOnly).await;
    let card = world.card();
    publish(&world, None, &[&card]);
    assert_eq!(judge(&world, &world.fetcher(), &card).await, REVOKED);
    for entry in std::fs::read_dir(world.dir()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some() {
            std::fs::remove_file(path).unwrap();
        }
    }
    let served = (SUBSTITUTES[0].make)(&world);
    world.publisher.put(&list_path(AUTHORITY), served);
    let judged = judge(&world, &world.fetcher(), &card).await;
    assert_eq!(judged, Err("pki.crl_rolled_back"));
}

#[tokio::test]
async fn a_list_from_the_future_keeps_no_other_from_following_it() {
    let world = World::new(SourcePreference::CrlOnly).await;
    let (fetcher, card) = (world.fetcher(), world.card());
    let mut spec = world.list(AUTHORITY, 2, &[]);
    spec.this_update = START + 2.hours();
    let early = sign(&world, AUTHORITY, &spec);
    world.publisher.put(&list_path(AUTHORITY), early);
    let judged = judge(&world, &fetcher, &card).await;
    assert_eq!(judged, Err("pki.revocation_unreachable"));
    world.clock.advance(1.minutes());
    publish(&world, Some(3), &[]);
    refresh_later(&world, &fetcher).await;
    assert_eq!(judge(&world, &fetcher, &card).await, Ok(()));
}

#[tokio::test]
async fn a_forged_list_is_not_kept_where_there_is_no_other() {
    let world = World::new(SourcePreference::CrlOnly).await;
    let (fetcher, card) = (world.fetcher(), world.card());
    let impostor = TestPki::fast(START).unwrap();
    let spec = world.list(AUTHORITY, 9, &[&card.issued]);
    let forged = impostor.authority(AUTHORITY).unwrap().crl(&spec).unwrap();
    world.publisher.put(&list_path(AUTHORITY), forged);
    for _ in 0..2 {
        // A list that were kept would be judged: it would say nothing, which has another code.
        let judged = judge(&world, &fetcher, &card).await;
        assert_eq!(judged, Err("pki.revocation_unreachable"));
    }
}

/// An indirect list may come from another authority, but only from one of the same anchor.
#[tokio::test]
async fn an_authority_of_another_anchor_signs_nothing() {
    let other_root = AuthorityName::ELEMENTAIRE_PERSONNES.root();
    let world = World::new(SourcePreference::CrlOnly).await;
    let card = world.card();
    let certificate = |name: AuthorityName| {
        let authority = world.pki.authority(name).unwrap();
        Certificate::parse(authority.certificate_der()).unwrap()
    };
    let settings = |name: &str, roots: &[AuthorityName]| {
        let roots = roots.iter().map(|root| certificate(*root)).collect();
        let store = TrustStore::new(roots, vec![certificate(AUTHORITY)]);
        AnchorSettings::new(name, &world.config, &store)
    };
    let mut spec = world.list(other_root, 2, &[]);
    spec.scope = Some(CrlScope {
        indirect: true,
        only_authority_certificates: false,
        ..about_authorities()
    });
    let indirect = sign(&world, other_root, &spec);
    world.publisher.put(&list_path(AUTHORITY), indirect);
    let own = AUTHORITY.root();
    for (roots, is_kept) in [(&[own][..], false), (&[own, other_root][..], true)] {
        let anchors = vec![settings(RULES, roots), settings("others", &[other_root])];
        let dir = tempfile::tempdir().unwrap();
        let http = HttpClient::new().unwrap();
        let fetcher = RevocationFetcher::new(http, world.clock.clone(), anchors, Some(dir.path()));
        let _ = judge(&world, &fetcher, &card).await;
        let kept = stored_lists(dir.path()).unwrap();
        let is_there = kept
            .iter()
            .any(|list| list.url.ends_with(&list_path(AUTHORITY)));
        assert_eq!(is_there, is_kept);
    }
}
