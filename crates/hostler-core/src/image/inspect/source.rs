//! Reading a file at any place, without saying what kind of file it is: the inspector is pure, and
//! whoever has the bytes gives them.

use std::io;

use super::refuse;
use crate::error::{Code, Error, Result};

/// A file whose bytes can be read at any place.
pub trait Source {
    /// Its length, in bytes.
    fn size(&self) -> u64;

    /// Fills `into` with the bytes that begin at `offset`.
    ///
    /// # Errors
    /// When the file ends before that, or cannot be read.
    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<()>;
}

impl Source for &[u8] {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let end = start.saturating_add(into.len());
        let bytes = self.get(start..end).ok_or(io::ErrorKind::UnexpectedEof)?;
        into.copy_from_slice(bytes);
        Ok(())
    }
}

/// A source, with the words for what is wrong with it.
pub(super) struct Reader<'a> {
    source: &'a mut dyn Source,
    /// What it is, as in "the VDI file".
    what: &'static str,
}

impl<'a> Reader<'a> {
    pub(super) fn new(source: &'a mut dyn Source, what: &'static str) -> Self {
        Self { source, what }
    }

    pub(super) fn size(&self) -> u64 {
        self.source.size()
    }

    /// The first bytes, as many as there are up to `most`.
    pub(super) fn head(&mut self, most: usize) -> Result<Vec<u8>> {
        let there = usize::try_from(self.size()).unwrap_or(usize::MAX).min(most);
        self.bytes(0, there)
    }

    pub(super) fn bytes(&mut self, offset: u64, count: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; count];
        self.fill(offset, &mut bytes)?;
        Ok(bytes)
    }

    pub(super) fn array<const N: usize>(&mut self, offset: u64) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.fill(offset, &mut bytes)?;
        Ok(bytes)
    }

    /// A number of two bytes, the lesser first.
    pub(super) fn u16(&mut self, offset: u64) -> Result<u16> {
        self.array(offset).map(u16::from_le_bytes)
    }

    /// A number of four bytes, the least first.
    pub(super) fn u32(&mut self, offset: u64) -> Result<u32> {
        self.array(offset).map(u32::from_le_bytes)
    }

    /// A number of eight bytes, the least first.
    pub(super) fn u64(&mut self, offset: u64) -> Result<u64> {
        self.array(offset).map(u64::from_le_bytes)
    }

    pub(super) fn refused(&self, why: &str) -> Error {
        refuse(format!("the {} file {why}", self.what))
    }

    fn fill(&mut self, offset: u64, into: &mut [u8]) -> Result<()> {
        self.source.read_at(offset, into).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => self.refused("is cut short"),
            _ => Error::new(Code::StoreUnavailable, format!("cannot read the file: {error}")),
        })
    }
}
