//! Reading on from where the server is.

use std::fs::File;
use std::io::{self, BufReader, Seek as _, SeekFrom};
use std::sync::{Mutex, PoisonError};

use super::files::{SpooledRecord, event_id};
use super::segment::{self, HEAD_BYTES, Head, Segment, framed_bytes};
use super::space::Space;
use super::writer::failed;
use crate::Error;

/// Where a record begins in its segment.
#[derive(Clone, Copy)]
struct Place {
    /// The first record of the segment.
    segment: u64,
    sequence: u64,
    offset: u64,
}

/// Where the last read began and ended, so that no segment is read from its head each time: the
/// next one begins at either.
#[derive(Default)]
pub(super) struct Places(Mutex<Vec<Place>>);

/// How much is read.
pub(super) struct Bounds {
    pub(super) last: u64,
    pub(super) count_max: usize,
    pub(super) bytes_max: u64,
}

impl Places {
    fn nearest(&self, segment: &Segment, sequence: u64) -> Place {
        let places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_before = |it: &&Place| it.segment == segment.first && it.sequence <= sequence;
        let nearest = places.iter().filter(is_before).max_by_key(|it| it.sequence);
        nearest.copied().unwrap_or(Place {
            segment: segment.first,
            sequence: segment.first,
            offset: HEAD_BYTES,
        })
    }

    fn remember(&self, places: Vec<Place>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = places;
    }

    /// Reads records that the server has not, oldest first.
    pub(super) fn read(&self, space: &Space, bounds: &Bounds) -> Result<Vec<SpooledRecord>, Error> {
        let mut next = space.delivered().saturating_add(1);
        let (mut found, mut places) = (Vec::new(), Vec::new());
        let mut left = bounds.bytes_max;
        while next <= bounds.last && found.len() < bounds.count_max && left > 0 {
            let Some(segment) = space.find(next) else {
                break;
            };
            let at = |error: io::Error| failed(&format!("{}: {error}", segment.path.display()));
            let mut place = self.nearest(&segment, next);
            let mut reader = BufReader::new(File::open(&segment.path).map_err(at)?);
            let head = Head::read(&mut reader).map_err(at)?;
            let head = head.ok_or_else(|| failed("a segment lost its head"))?;
            reader.seek(SeekFrom::Start(place.offset)).map_err(at)?;
            let end = segment.next.min(bounds.last.saturating_add(1));
            while place.sequence < end && found.len() < bounds.count_max && left > 0 {
                let read = segment::read_frame(&mut reader, place.sequence).map_err(at)?;
                let record = read.ok_or_else(|| failed("a segment lost a record"))?;
                let bytes = framed_bytes(&record);
                if place.sequence >= next {
                    if found.is_empty() {
                        places.push(place);
                    } else if bytes > left {
                        break;
                    }
                    left = left.saturating_sub(bytes);
                    found.push(SpooledRecord {
                        sequence: place.sequence,
                        event_id: event_id(&head.run, place.sequence),
                        record,
                    });
                }
                place.sequence = place.sequence.saturating_add(1);
                place.offset = place.offset.saturating_add(bytes);
            }
            let is_read_through = place.sequence >= end;
            next = place.sequence.max(next);
            places.push(place);
            if !is_read_through {
                break;
            }
            next = next.max(segment.next);
        }
        self.remember(places);
        Ok(found)
    }
}
