//! Records of an uncompressed batch, as views into its bytes.

use super::RecordError;
use super::read;
use super::source::SliceSource;

/// A record, in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordView<'a> {
    /// Added to the batch's base timestamp, in ms.
    pub timestamp_delta_ms: i64,
    /// Added to the batch's base offset.
    pub offset_delta: i32,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    pub headers: Headers<'a>,
}

/// The headers of a record, whose bounds were checked when the record was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Headers<'a> {
    bytes: &'a [u8],
    count: usize,
}

impl Headers<'_> {
    pub fn len(&self) -> usize {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = (&'a [u8], Option<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        self.count = self.count.checked_sub(1)?;
        let mut source = SliceSource::new(self.bytes);
        let header = read::header(&mut source).ok();
        self.bytes = source.rest();
        header
    }
}

/// Iterates over the bytes after the header of an uncompressed batch, or over what a compressed
/// one decompressed to. Stops after the first record that cannot be read.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    rest: &'a [u8],
}

impl<'a> Records<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    fn read(&mut self) -> Result<RecordView<'a>, RecordError> {
        let mut source = SliceSource::new(self.rest);
        let body = read::begin(&mut source)?;
        let headers = Headers {
            bytes: source.rest(),
            count: body.headers_count,
        };
        read::end(&mut source, body.headers_count)?;
        self.rest = source.rest();
        Ok(RecordView {
            timestamp_delta_ms: body.timestamp_delta_ms,
            offset_delta: body.offset_delta,
            key: body.key,
            value: body.value,
            headers,
        })
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<RecordView<'a>, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let record = self.read();
        if record.is_err() {
            self.rest = &[];
        }
        Some(record)
    }
}
