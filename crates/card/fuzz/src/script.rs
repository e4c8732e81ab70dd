//! What becomes of each of a card's answers, in a few bytes each.

/// What happens to one command and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The good card's own.
    Good,
    /// These bytes instead; the card does not see the command.
    Instead(Vec<u8>),
    /// The card executes the command, and these bytes arrive in place of its data.
    Data(Vec<u8>),
    /// The card executes the command, and so many bytes of its answer arrive.
    Cut(usize),
}

const GOOD: u8 = 0;
const INSTEAD: u8 = 1;
const DATA: u8 = 2;
const KINDS: u8 = 4;

/// Reads a script; whatever bytes they are, they are one.
pub fn parse(mut bytes: &[u8]) -> Vec<Answer> {
    let mut answers = Vec::new();
    while let Some((kind, rest)) = bytes.split_first() {
        bytes = rest;
        if kind % KINDS == GOOD {
            answers.push(Answer::Good);
            continue;
        }
        let Some((length, rest)) = bytes.split_first_chunk::<2>() else {
            break;
        };
        let length = usize::from(u16::from_be_bytes(*length));
        if kind % KINDS > DATA {
            answers.push(Answer::Cut(length));
            bytes = rest;
            continue;
        }
        let (body, rest) = rest.split_at(length.min(rest.len()));
        bytes = rest;
        answers.push(match kind % KINDS {
            INSTEAD => Answer::Instead(body.to_vec()),
            _ => Answer::Data(body.to_vec()),
        });
    }
    answers
}

/// Writes a script.
pub fn write(answers: &[Answer]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for answer in answers {
        let (kind, length, body): (u8, usize, &[u8]) = match answer {
            Answer::Good => {
                bytes.push(GOOD);
                continue;
            }
            Answer::Instead(body) => (INSTEAD, body.len(), body),
            Answer::Data(body) => (DATA, body.len(), body),
            Answer::Cut(length) => (KINDS - 1, *length, &[]),
        };
        bytes.push(kind);
        bytes.extend(u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
        bytes.extend(body);
    }
    bytes
}
