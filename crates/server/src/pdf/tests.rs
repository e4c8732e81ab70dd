use std::io::Write as _;
use std::process::{Command, Stdio};

use super::{Block, Document, DocumentLanguage, Section, Table, render};

fn document(rows: usize) -> Document {
    let row = |number: usize| {
        vec![
            format!("2026-11-30 08:{:02}", number % 60),
            format!("pseudonyme-{number}"),
            "Pharmacie de l’Étoile — œuvre, garçon, naïf, € 5".to_owned(),
        ]
    };
    Document {
        language: DocumentLanguage::French,
        title: "Rapport d’incident : accès à des dossiers".to_owned(),
        facts: vec![("Émetteur".to_owned(), "https://id.example.fr".to_owned())],
        sections: vec![Section {
            heading: "Dossiers consultés à l’hôpital".to_owned(),
            blocks: vec![
                Block::Paragraph("Où cela s’est passé, et ce qui reste à compléter.".to_owned()),
                Block::Table(Table {
                    columns: vec![
                        ("Quand".to_owned(), 2),
                        ("Patient".to_owned(), 3),
                        ("Lieu".to_owned(), 4),
                    ],
                    rows: (0..rows).map(row).collect(),
                }),
                Block::Facts(vec![("Fin".to_owned(), "dernière ligne".to_owned())]),
            ],
        }],
        footer: "Confidentiel".to_owned(),
    }
}

/// What a reader takes out of the file; `pdftotext` is of poppler-utils.
fn text_of(pdf: &[u8], arguments: &[&str]) -> String {
    let mut child = Command::new("pdftotext")
        .args(arguments)
        .args(["-enc", "UTF-8", "-", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("pdftotext is missing: apt install poppler-utils");
    child.stdin.take().unwrap().write_all(pdf).unwrap();
    let output = child.wait_with_output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && complaint.is_empty(),
        "{complaint}"
    );
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_reader_selects_the_text_with_its_accents_on_every_page() {
    let pdf = render(&document(200)).unwrap();
    let text = text_of(&pdf, &["-layout"]);
    for expected in [
        "Rapport d’incident : accès à des dossiers",
        "Émetteur",
        "Dossiers consultés à l’hôpital",
        "pseudonyme-199",
        "œuvre, garçon, naïf, € 5",
        "dernière ligne",
        "page 1 / ",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    // The header stands on each page that the table goes over.
    let pages = text.matches("Confidentiel").count();
    assert!(pages > 2, "{pages}");
    assert!(text.matches("Quand").count() >= pages - 1);
}

#[test]
fn the_text_is_tagged_in_its_language() {
    let pdf = render(&document(1)).unwrap();
    let has = |word: &[u8]| pdf.windows(word.len()).any(|it| it == word);
    for word in [
        "/StructTreeRoot",
        "/Marked true",
        "/Lang (fr-FR)",
        "/MCID 0",
        "/TH",
        "/H1",
    ] {
        assert!(has(word.as_bytes()), "{word}");
    }
}

#[test]
fn what_the_encoding_does_not_have_is_a_question_mark_and_a_long_word_is_broken() {
    let mut odd = document(1);
    odd.title = format!("日本 {}", "x".repeat(300));
    let text = text_of(&render(&odd).unwrap(), &[]);
    assert!(text.contains("??"), "{text}");
    assert!(text.matches('x').count() >= 300);
}

#[test]
fn a_document_without_end_is_refused() {
    let error = render(&document(60_000)).unwrap_err();
    assert_eq!(error.code(), "server.document_too_long");
}
