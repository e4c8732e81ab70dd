//! The objects of the file.

use pdf_writer::{Finish as _, Name, Pdf, Rect, Ref, TextStr};

use super::Document;
use super::layout::{BOLD, Element, Kid, Laid, PAGE_HEIGHT, PAGE_WIDTH, REGULAR};

const CATALOG: i32 = 1;
const PAGES: i32 = 2;
const INFORMATION: i32 = 3;
const FACE_REGULAR: i32 = 4;
const FACE_BOLD: i32 = 5;
const STRUCTURE: i32 = 6;
/// The first object that there are several of.
const FIRST: i32 = 7;
/// Objects of a page: itself, its content, and the list of what its marked sequences belong to.
const OBJECTS_OF_PAGE: i32 = 3;

/// The numbers of objects.
struct Numbers {
    pages: i32,
}

impl Numbers {
    fn page(&self, place: usize) -> Ref {
        Ref::new(FIRST + integer(place) * OBJECTS_OF_PAGE)
    }

    fn content(&self, place: usize) -> Ref {
        Ref::new(FIRST + integer(place) * OBJECTS_OF_PAGE + 1)
    }

    fn marked(&self, place: usize) -> Ref {
        Ref::new(FIRST + integer(place) * OBJECTS_OF_PAGE + 2)
    }

    fn element(&self, place: usize) -> Ref {
        Ref::new(FIRST + self.pages * OBJECTS_OF_PAGE + integer(place))
    }
}

/// Writes the file.
pub(super) fn write(document: &Document, laid: Laid) -> Vec<u8> {
    let numbers = Numbers {
        pages: integer(laid.pages.len()),
    };
    let mut pdf = Pdf::new();
    write_catalog(&mut pdf, document, &numbers);
    for (number, face) in [
        (FACE_REGULAR, Name(b"Helvetica")),
        (FACE_BOLD, Name(b"Helvetica-Bold")),
    ] {
        pdf.type1_font(Ref::new(number))
            .base_font(face)
            .encoding_predefined(Name(b"WinAnsiEncoding"));
    }
    write_structure(&mut pdf, &laid, &numbers);
    for (place, page) in laid.pages.into_iter().enumerate() {
        let mut written = pdf.page(numbers.page(place));
        written.media_box(Rect::new(0.0, 0.0, PAGE_WIDTH, PAGE_HEIGHT));
        written.parent(Ref::new(PAGES));
        written.contents(numbers.content(place));
        written.struct_parents(integer(place));
        let mut resources = written.resources();
        let mut fonts = resources.fonts();
        fonts.pair(REGULAR, Ref::new(FACE_REGULAR));
        fonts.pair(BOLD, Ref::new(FACE_BOLD));
        fonts.finish();
        resources.finish();
        written.finish();
        pdf.stream(numbers.content(place), &page.content.finish());
        let elements = page.marked.into_iter().map(|it| numbers.element(it));
        pdf.indirect(numbers.marked(place)).array().items(elements);
    }
    pdf.finish()
}

fn write_catalog(pdf: &mut Pdf, document: &Document, numbers: &Numbers) {
    let mut catalog = pdf.catalog(Ref::new(CATALOG));
    catalog.pages(Ref::new(PAGES));
    catalog.lang(TextStr(document.language.tag()));
    catalog.mark_info().marked(true);
    catalog.viewer_preferences().display_doc_title(true);
    catalog.pair(Name(b"StructTreeRoot"), Ref::new(STRUCTURE));
    catalog.finish();
    let places = 0..usize::try_from(numbers.pages).unwrap_or_default();
    pdf.pages(Ref::new(PAGES))
        .kids(places.map(|place| numbers.page(place)))
        .count(numbers.pages);
    pdf.document_info(Ref::new(INFORMATION))
        .title(TextStr(&document.title))
        .producer(TextStr("Cardea"));
}

fn write_structure(pdf: &mut Pdf, laid: &Laid, numbers: &Numbers) {
    let mut root = pdf.indirect(Ref::new(STRUCTURE)).dict();
    root.pair(Name(b"Type"), Name(b"StructTreeRoot"));
    root.pair(Name(b"K"), numbers.element(0));
    root.pair(Name(b"ParentTreeNextKey"), numbers.pages);
    let mut tree = root.insert(Name(b"ParentTree")).dict();
    let mut marked = tree.insert(Name(b"Nums")).array();
    for place in 0..laid.pages.len() {
        marked.item(integer(place));
        marked.item(numbers.marked(place));
    }
    marked.finish();
    tree.finish();
    root.finish();
    for (place, element) in laid.elements.iter().enumerate() {
        write_element(pdf, numbers, place, element);
    }
}

fn write_element(pdf: &mut Pdf, numbers: &Numbers, place: usize, element: &Element) {
    let mut written = pdf.struct_element(numbers.element(place));
    written.kind(element.role);
    let parent = element.parent.map(|it| numbers.element(it));
    written.parent(parent.unwrap_or(Ref::new(STRUCTURE)));
    let mut kids = written.children();
    for kid in &element.kids {
        match kid {
            Kid::Element(place) => {
                kids.struct_element(numbers.element(*place));
            }
            Kid::Marked { page, number } => {
                kids.marked_content_ref()
                    .page(numbers.page(*page))
                    .marked_content_id(integer(*number));
            }
        }
    }
}

/// Documents are bounded far below this.
fn integer(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
