//! Mutations of DER that keep its lengths right, which byte mutations almost never do.

use super::random::Random;
use x509_cert::der::asn1::AnyRef;
use x509_cert::der::{Decode, Reader, SliceReader, Tagged};

/// Deepest nesting that is taken apart; what lies below is mutated as plain bytes.
const DEPTH_MAX: u8 = 32;
/// Most changes to one input.
const CHANGES_MAX: usize = 4;
const OCTET_STRING: u8 = 0x04;
const BIT_STRING: u8 = 0x03;
/// Bit of a tag that says that the value holds values.
const CONSTRUCTED: u8 = 0x20;

/// Identifiers of universal types and of the context-specific tags that X.509 uses.
const TAGS: [u8; 24] = [
    0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0a, 0x0c, 0x12, 0x13, 0x14, 0x16, 0x17, 0x18, 0x1e, 0x30,
    0x31, 0x80, 0x81, 0x82, 0x86, 0xa0, 0xa1, 0xa3,
];
/// Values at which integers, booleans, lengths and texts change their meaning.
const VALUES: [&[u8]; 14] = [
    &[],
    &[0x00],
    &[0x01],
    &[0x7f],
    &[0x80],
    &[0xff],
    &[0x00, 0x00],
    &[0x00, 0x80],
    &[0xff, 0xff],
    &[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    &[0x80, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00],
    &[0x41; 64],
    b"20491231235959Z",
    b"500101000000Z",
];

/// One value, with what is inside it when that is DER as well.
#[derive(Clone)]
struct Node {
    tag: u8,
    content: Content,
    length: LengthForm,
}

#[derive(Clone)]
enum Content {
    Bytes(Vec<u8>),
    Values {
        /// The count of unused bits, before values inside a BIT STRING.
        prefix: Vec<u8>,
        members: Vec<Node>,
    },
}

/// How a length is written; only the first is DER.
#[derive(Clone, Copy)]
enum LengthForm {
    Shortest,
    Padded,
    Indefinite,
    OneTooMany,
    OneTooFew,
}

/// Changes a few things in `der`; the same seed and bytes give the same change.
pub fn mutate(der: &[u8], random: &mut Random) -> Vec<u8> {
    let Some(mut roots) = read(der, DEPTH_MAX) else {
        let mut bytes = der.to_vec();
        change_bytes(&mut bytes, random);
        return bytes;
    };
    for _ in 0..=random.below(CHANGES_MAX) {
        let count = roots.iter().map(Node::count).sum();
        let donor = nth(&roots, &mut random.below(count)).cloned();
        let mut place = random.below(count);
        change_at(&mut roots, &mut place, donor, random);
    }
    let mut bytes = Vec::with_capacity(der.len() + 64);
    roots.iter().for_each(|node| node.write(&mut bytes));
    if random.below(32) == 0 {
        change_bytes(&mut bytes, random);
    }
    bytes
}

fn read(der: &[u8], depth_left: u8) -> Option<Vec<Node>> {
    let depth_left = depth_left.checked_sub(1)?;
    let mut reader = SliceReader::new(der).ok()?;
    let mut nodes = Vec::new();
    while !reader.is_finished() {
        let value = AnyRef::decode(&mut reader).ok()?;
        let tag = value.tag().octet();
        nodes.push(Node {
            tag,
            content: read_content(tag, value.value(), depth_left),
            length: LengthForm::Shortest,
        });
    }
    (!nodes.is_empty()).then_some(nodes)
}

fn read_content(tag: u8, bytes: &[u8], depth_left: u8) -> Content {
    let (prefix, inner) = match (tag, bytes) {
        (BIT_STRING, [0, inner @ ..]) => (vec![0], inner),
        _ => (Vec::new(), bytes),
    };
    let may_nest = tag & CONSTRUCTED != 0 || tag == OCTET_STRING || !prefix.is_empty();
    match may_nest.then(|| read(inner, depth_left)).flatten() {
        Some(members) => Content::Values { prefix, members },
        None => Content::Bytes(bytes.to_vec()),
    }
}

impl Node {
    fn count(&self) -> usize {
        match &self.content {
            Content::Bytes(_) => 1,
            Content::Values { members, .. } => 1 + members.iter().map(Self::count).sum::<usize>(),
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        let mut content = Vec::new();
        match &self.content {
            Content::Bytes(bytes) => content.extend_from_slice(bytes),
            Content::Values { prefix, members } => {
                content.extend_from_slice(prefix);
                members.iter().for_each(|member| member.write(&mut content));
            }
        }
        out.push(self.tag);
        let length = content.len();
        match self.length {
            LengthForm::Shortest => write_length(length, 0, out),
            LengthForm::Padded => write_length(length, 1, out),
            LengthForm::OneTooMany => write_length(length.saturating_add(1), 0, out),
            LengthForm::OneTooFew => write_length(length.saturating_sub(1), 0, out),
            LengthForm::Indefinite => {
                out.push(0x80);
                content.extend_from_slice(&[0, 0]);
            }
        }
        out.extend_from_slice(&content);
    }

    /// The values inside; plain bytes become values of none.
    fn members(&mut self) -> Option<&mut Vec<Self>> {
        match &mut self.content {
            Content::Values { members, .. } => Some(members),
            Content::Bytes(_) => None,
        }
    }
}

fn write_length(length: usize, padding: usize, out: &mut Vec<u8>) {
    if let Ok(short) = u8::try_from(length)
        && short < 0x80
        && padding == 0
    {
        out.push(short);
        return;
    }
    let octets = length.to_be_bytes();
    let needed: Vec<u8> = octets.into_iter().skip_while(|octet| *octet == 0).collect();
    out.push(0x80 | u8::try_from(needed.len() + padding).unwrap_or(0x7f));
    out.extend(std::iter::repeat_n(0, padding));
    out.extend(needed);
}

fn nth<'a>(nodes: &'a [Node], place: &mut usize) -> Option<&'a Node> {
    for node in nodes {
        if *place == 0 {
            return Some(node);
        }
        *place -= 1;
        if let Content::Values { members, .. } = &node.content
            && let Some(found) = nth(members, place)
        {
            return Some(found);
        }
    }
    None
}

/// Finds the node that comes at `place` when all are counted, and changes it or its neighbours.
fn change_at(
    nodes: &mut Vec<Node>,
    place: &mut usize,
    donor: Option<Node>,
    random: &mut Random,
) -> Option<Node> {
    let mut donor = donor;
    for index in 0..nodes.len() {
        if *place == 0 {
            change_list(nodes, index, donor?, random);
            return None;
        }
        *place -= 1;
        if let Some(members) = nodes.get_mut(index).and_then(Node::members) {
            donor = change_at(members, place, donor, random);
            donor.as_ref()?;
        }
    }
    donor
}

fn change_list(nodes: &mut Vec<Node>, index: usize, donor: Node, random: &mut Random) {
    match random.below(16) {
        0 => drop(nodes.remove(index)),
        1 => {
            let twin = nodes.get(index).cloned();
            nodes.extend(twin);
        }
        2 => {
            let other = random.below(nodes.len());
            nodes.swap(index, other);
        }
        3 => nodes.insert(index, donor),
        4 => {
            if let Some(node) = nodes.get_mut(index) {
                *node = donor;
            }
        }
        _ => {
            if let Some(node) = nodes.get_mut(index) {
                change_node(node, donor, random);
            }
        }
    }
}

fn change_node(node: &mut Node, donor: Node, random: &mut Random) {
    match random.below(12) {
        0 => node.tag = random.one_of(&TAGS).copied().unwrap_or_default(),
        1 => {
            let forms = [
                LengthForm::Padded,
                LengthForm::Indefinite,
                LengthForm::OneTooMany,
                LengthForm::OneTooFew,
            ];
            node.length = random.one_of(&forms).copied().unwrap_or(node.length);
        }
        2 => node.content = donor.content,
        3 => {
            let inner = node.clone();
            node.tag = 0x30;
            node.content = Content::Values {
                prefix: Vec::new(),
                members: vec![inner],
            };
        }
        4 => {
            let value = random.one_of(&VALUES).copied().unwrap_or_default();
            node.content = Content::Bytes(value.to_vec());
        }
        _ => match &mut node.content {
            Content::Bytes(bytes) => change_bytes(bytes, random),
            Content::Values { members, .. } => {
                // A whole list is best changed by one member more or less.
                let at = random.below(members.len() + 1);
                members.insert(at, donor);
            }
        },
    }
}

fn change_bytes(bytes: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(bytes.len());
    match random.below(6) {
        0 if !bytes.is_empty() => drop(bytes.remove(at)),
        1 => bytes.insert(at, random.byte()),
        2 => bytes.truncate(at),
        3 => {
            let value = random.one_of(&VALUES).copied().unwrap_or_default();
            bytes.splice(at..at, value.iter().copied());
        }
        4 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
        _ => {
            let new = random.byte();
            if let Some(byte) = bytes.get_mut(at) {
                *byte = new;
            }
        }
    }
}
