//! The command: asks the broker for its limits, reads the clients' files, and says what passes.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::framing::batch_bytes;
use super::paste::paste;
use super::path::{Client, Configs, Hurdle, Scope, Stand, hurdles};
use crate::kafka::{Admin, KafkaError};
use crate::workload::ByteSize;

/// What stands in the way of one record, and what to set where
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Size of the record's value: 20MB
    #[arg(long)]
    bytes: ByteSize,
    /// Size of its key, if it has one
    #[arg(long)]
    key_bytes: Option<ByteSize>,
    /// A broker: host:port
    #[arg(long, short, default_value = "127.0.0.1:9092")]
    bootstrap: String,
    /// The topic; without, the one that a new topic would be
    #[arg(long)]
    topic: Option<String>,
    /// Whose limits to look at; without, those of both
    #[arg(long, value_enum)]
    client: Option<Client>,
    /// The producer's settings (Java's .properties, or librdkafka's key=value); without, the
    /// defaults of both
    #[arg(long, value_name = "FILE")]
    producer_config: Option<PathBuf>,
    /// The consumer's settings
    #[arg(long, value_name = "FILE")]
    consumer_config: Option<PathBuf>,
}

#[derive(Debug, thiserror::Error)]
pub enum WhichLimitError {
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    #[error("{path}: {source}")]
    Read {
        path: String,
        source: std::io::Error,
    },
}

/// Succeeds if nothing rejects the record.
pub fn execute(args: Args) -> Result<ExitCode, WhichLimitError> {
    let admin = Admin::connect(&args.bootstrap)?;
    let broker = admin.broker_configs()?;
    let topic = match &args.topic {
        Some(name) => admin.topic_configs(name)?,
        None => new_topic(&broker),
    };
    let producer = properties(args.producer_config.as_deref())?;
    let consumer = properties(args.consumer_config.as_deref())?;
    let key_bytes = args.key_bytes.map(|ByteSize(bytes)| bytes);
    let scope = Scope {
        client: args.client,
        has_replicas: admin.replicas(args.topic.as_deref())? > 1,
    };
    let stand = Stand {
        topic: &topic,
        broker: &broker,
        producer: &producer,
        consumer: &consumer,
    };
    let all = hurdles(args.bytes.0, key_bytes, &stand, scope);
    println!(
        "a value of {} bytes makes a batch of {} bytes, uncompressed\n",
        args.bytes.0,
        batch_bytes(args.bytes.0, key_bytes)
    );
    for hurdle in &all {
        println!("{}", line(hurdle));
    }
    let is_stopped = all.iter().any(Hurdle::rejects);
    let changes = paste(&all, args.topic.as_deref(), &args.bootstrap);
    if !changes.is_empty() {
        print!("\nwith these it passes everywhere, at full speed:\n\n{changes}");
    }
    Ok(if is_stopped {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn line(hurdle: &Hurdle) -> String {
    let verdict = if hurdle.rejects() {
        "REJECTS"
    } else if hurdle.slows() {
        "slows"
    } else {
        "passes"
    };
    let default = if hurdle.is_default { " (default)" } else { "" };
    let head = format!(
        "{verdict:8} {:20} {:34} {}{default}, {} count",
        hurdle.place.name(),
        hurdle.key,
        hurdle.limit_bytes,
        hurdle.counted_bytes
    );
    if hurdle.rejects() || hurdle.slows() {
        format!("{head}\n         {}", hurdle.seen)
    } else {
        head
    }
}

/// A new topic takes its limits from the broker, under other names.
fn new_topic(broker: &Configs) -> Configs {
    let names = [
        ("message.max.bytes", "max.message.bytes"),
        ("log.segment.bytes", "segment.bytes"),
    ];
    let known = names.iter().filter_map(|(of_broker, of_topic)| {
        Some(((*of_topic).to_owned(), broker.get(*of_broker)?.clone()))
    });
    known.collect()
}

fn properties(path: Option<&Path>) -> Result<Configs, WhichLimitError> {
    let Some(path) = path else {
        return Ok(Configs::new());
    };
    let text = std::fs::read_to_string(path).map_err(|source| WhichLimitError::Read {
        path: path.display().to_string(),
        source,
    })?;
    Ok(parse_properties(&text))
}

/// `key=value` or `key: value`, a line each; `#` and `!` begin comments.
fn parse_properties(text: &str) -> Configs {
    let lines = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with(['#', '!']));
    let pair = |line: &str| {
        let (key, value) = line.split_once(['=', ':'])?;
        Some((key.trim().to_owned(), value.trim().to_owned()))
    };
    lines.filter_map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_read_as_java_and_librdkafka_write_them() {
        let read =
            parse_properties("# c\nmax.request.size = 5\n! c\n\nbuffer.memory:7\nnonsense\n");
        let expected: Configs = [("max.request.size", "5"), ("buffer.memory", "7")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into();
        assert_eq!(read, expected);
    }

    #[test]
    fn a_new_topic_has_the_limits_of_its_broker() {
        let broker: Configs = [("message.max.bytes".to_owned(), "9".to_owned())].into();
        assert_eq!(new_topic(&broker)["max.message.bytes"], "9");
    }
}
