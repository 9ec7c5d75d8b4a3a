//! Where everything goes in an archive, decided before anything is written.

use std::collections::BTreeSet;

use super::payload::{Payload, distinct};
use crate::format::tar::writer;
use crate::foundation::{Code, Error, Limits, Result};

/// Where everything goes.
pub(super) struct ArchivePlan<'p, 'a> {
    /// The bytes before the first blob.
    pub(super) head: Vec<u8>,
    pub(super) blobs: Vec<Blob<'p, 'a>>,
    pub(super) length: u64,
}

pub(super) struct Blob<'p, 'a> {
    pub(super) payload: &'p Payload<'a>,
    pub(super) header: Vec<u8>,
    /// Where its header goes.
    pub(super) at: u64,
}

impl<'p, 'a> ArchivePlan<'p, 'a> {
    pub(super) fn of(payloads: &'p [Payload<'a>], control: &[(&str, &[u8])], mtime: u64, limits: &Limits) -> Result<Self> {
        let payloads: Vec<&Payload<'_>> = distinct(&payloads, limits)?.into_iter().filter_map(|at| payloads.get(at)).collect();
        let mut head = Vec::new();
        for (name, content) in control {
            head.extend(writer::file_header(name, content.len() as u64, mtime)?);
            head.extend_from_slice(content);
            head.resize(head.len().saturating_add(writer::padding(content.len() as u64)), 0);
        }
        head.extend(writer::directory_header("blobs", mtime)?);
        let algorithms: BTreeSet<_> = payloads.iter().map(|payload| payload.digest.algorithm()).collect();
        for algorithm in algorithms {
            head.extend(writer::directory_header(&format!("blobs/{}", algorithm.name()), mtime)?);
        }
        let mut blobs = Vec::with_capacity(payloads.len());
        let too_large = || Error::new(Code::UsageOutput, "the archive would be larger than a file can be");
        let mut at = head.len() as u64;
        for payload in payloads {
            payload.check_length()?;
            let header = writer::file_header(&payload.digest.blob_path(), payload.size, mtime)?;
            let next = (header.len() as u64)
                .checked_add(payload.size)
                .and_then(|length| length.checked_add(writer::padding(payload.size) as u64))
                .and_then(|length| length.checked_add(at))
                .filter(|next| i64::try_from(*next).is_ok())
                .ok_or_else(too_large)?;
            blobs.push(Blob { payload, header, at });
            at = next;
        }
        let length = at.checked_add(writer::END.len() as u64).filter(|length| i64::try_from(*length).is_ok()).ok_or_else(too_large)?;
        Ok(Self { head, blobs, length })
    }
}
