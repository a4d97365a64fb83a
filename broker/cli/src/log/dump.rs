//! `naru log dump`: the batches of segment files, and their records if they are wanted. Prints as
//! it reads: a segment may have millions.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use naru_client::{Record, read_records};
use naru_record_batch::{Codec, EndTransactionMarker, TransactionResult};
use serde::Serialize;

use super::segment::{Batch, Batches};
use crate::failure::{Failure, Outcome};
use crate::units::time;

#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct DumpArgs {
    /// Segment files (*.log), or directories of partitions.
    #[arg(required = true, value_name = "FILE|DIRECTORY")]
    paths: Vec<PathBuf>,
    /// Print the records, too.
    #[arg(short, long)]
    records: bool,
}

#[derive(Debug, Serialize)]
struct BatchLine<'a> {
    file: &'a str,
    position: u64,
    size_bytes: usize,
    base_offset: i64,
    last_offset: i64,
    records: i32,
    max_timestamp_ms: i64,
    leader_epoch: i32,
    compression: String,
    producer_id: i64,
    producer_epoch: i16,
    base_sequence: i32,
    is_transactional: bool,
    is_control: bool,
    /// `commit` or `abort`, of a marker.
    #[serde(skip_serializing_if = "Option::is_none")]
    marker: Option<&'static str>,
    crc: u32,
    is_valid: bool,
}

#[derive(Debug, Serialize)]
struct RecordLine {
    offset: i64,
    timestamp_ms: i64,
    key: Option<String>,
    value: Option<String>,
}

/// Prints all of them; ends with 1 if a batch is damaged.
pub fn run(args: &DumpArgs, as_json: bool) -> Outcome {
    let mut out = BufWriter::new(io::stdout().lock());
    let mut damaged = 0;
    for file in files(&args.paths)? {
        damaged += dump(&mut out, &file, args.records, as_json)?;
    }
    out.flush()?;
    match damaged {
        0 => Ok(()),
        count => Err(Failure::new(format!("{count} batches are damaged"))
            .advise("`naru verify DIR` looks at all of a stopped broker's directory")),
    }
}

/// The files themselves, and the segments in directories in the order of their offsets.
fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        let failed = |error| Failure::new(format!("{}: {error}", path.display()));
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let mut segments = Vec::new();
        for entry in fs::read_dir(path).map_err(failed)? {
            let file = entry.map_err(failed)?.path();
            if file.extension().is_some_and(|extension| extension == "log") {
                segments.push(file);
            }
        }
        if segments.is_empty() {
            let what = format!("{} has no segments (*.log)", path.display());
            return Err(Failure::new(what).advise("name the directory of a partition: orders-0"));
        }
        segments.sort();
        files.extend(segments);
    }
    Ok(files)
}

fn dump(
    out: &mut impl Write,
    path: &Path,
    with_records: bool,
    as_json: bool,
) -> Result<u64, Failure> {
    let name = path.display().to_string();
    let failed = |error: String| Failure::new(format!("{name}: {error}"));
    let file = File::open(path).map_err(|error| failed(error.to_string()))?;
    if !as_json {
        writeln!(out, "{name}")?;
    }
    let mut damaged = 0;
    for batch in Batches::new(BufReader::new(file)) {
        let batch = match batch {
            Ok(batch) => batch,
            Err(error) => {
                // What was readable is worth seeing.
                out.flush()?;
                return Err(failed(error.to_string()));
            }
        };
        damaged += u64::from(!batch.is_valid);
        let line = BatchLine::of(&name, &batch);
        match as_json {
            true => json_line(out, &line)?,
            false => writeln!(out, "{}", line.text())?,
        }
        if with_records && batch.is_valid {
            print_records(out, &batch, as_json).map_err(|error| match error {
                DumpError::Io(error) => Failure::from(error),
                DumpError::Batch(reason) => failed(reason),
            })?;
        }
    }
    Ok(damaged)
}

enum DumpError {
    Io(io::Error),
    Batch(String),
}

impl From<io::Error> for DumpError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn print_records(out: &mut impl Write, batch: &Batch, as_json: bool) -> Result<(), DumpError> {
    let read = read_records(&batch.bytes, i64::MIN, &[])
        .map_err(|error| DumpError::Batch(error.to_string()))?;
    for record in &read.records {
        let line = RecordLine::of(record);
        match as_json {
            true => json_line(out, &line)?,
            false => writeln!(out, "    {}", line.text())?,
        }
    }
    Ok(())
}

fn json_line(out: &mut impl Write, line: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}

impl<'a> BatchLine<'a> {
    fn of(file: &'a str, batch: &Batch) -> Self {
        let header = &batch.header;
        let marker = EndTransactionMarker::parse(header, &batch.bytes);
        Self {
            file,
            position: batch.position,
            size_bytes: header.size_bytes(),
            base_offset: header.base_offset,
            last_offset: header.last_offset(),
            records: header.records_count,
            max_timestamp_ms: header.max_timestamp_ms,
            leader_epoch: header.partition_leader_epoch,
            compression: match Codec::of(header.attributes) {
                Ok(codec) => codec.to_string(),
                Err(unknown) => unknown.0.to_string(),
            },
            producer_id: header.producer_id,
            producer_epoch: header.producer_epoch,
            base_sequence: header.base_sequence,
            is_transactional: header.attributes.is_transactional(),
            is_control: header.attributes.is_control(),
            marker: marker.map(|marker| match marker.result {
                TransactionResult::Commit => "commit",
                TransactionResult::Abort => "abort",
            }),
            crc: header.crc,
            is_valid: batch.is_valid,
        }
    }

    fn text(&self) -> String {
        let mut text = format!(
            "{:>10}  offsets {}..={}  {} records  {} bytes  {}  epoch {}  {}",
            self.position,
            self.base_offset,
            self.last_offset,
            self.records,
            self.size_bytes,
            self.compression,
            self.leader_epoch,
            time(self.max_timestamp_ms),
        );
        if self.producer_id >= 0 {
            text.push_str(&format!(
                "  producer {} epoch {} sequence {}",
                self.producer_id, self.producer_epoch, self.base_sequence
            ));
        }
        match (self.marker, self.is_transactional) {
            (Some(marker), _) => text.push_str(&format!("  {marker} marker")),
            (None, true) => text.push_str("  transactional"),
            (None, false) => {}
        }
        if !self.is_valid {
            text.push_str("  DAMAGED: its checksum is another");
        }
        text
    }
}

impl RecordLine {
    fn of(record: &Record) -> Self {
        let text = |bytes: &Option<bytes::Bytes>| {
            bytes
                .as_ref()
                .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
        };
        Self {
            offset: record.offset,
            timestamp_ms: record.timestamp_ms,
            key: text(&record.key),
            value: text(&record.value),
        }
    }

    fn text(&self) -> String {
        let shown = |field: &Option<String>| match field {
            Some(text) => text.escape_debug().to_string(),
            None => "(null)".to_owned(),
        };
        format!(
            "{}  {}  key {}  value {}",
            self.offset,
            time(self.timestamp_ms),
            shown(&self.key),
            shown(&self.value)
        )
    }
}
