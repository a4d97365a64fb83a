//! Limits as plain text, each with what it means.

use std::fmt::{self, Display, Formatter};

use super::model::Limits;
use crate::workload::ByteSize;

impl Display for Limits {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let machine = &self.environment;
        write!(
            f,
            "{}, {} cores, {}",
            machine.cpu_model, machine.cores, machine.kernel
        )?;
        if let Some(disk) = &machine.disk {
            write!(f, ", {} {}", disk.device, disk.file_system)?;
            if let Some(cache) = &disk.write_cache {
                write!(f, " ({cache})")?;
            }
        }
        writeln!(
            f,
            "\n{} s per probe, {}",
            self.seconds_per_probe, machine.date
        )?;
        if cfg!(debug_assertions) {
            writeln!(f, "measured by a debug build: the machine can do more")?;
        }
        self.disk(f)?;
        self.loopback(f)?;
        self.memory(f)
    }
}

impl Limits {
    fn disk(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\nDisk: sequential direct writes into space that was written before"
        )?;
        writeln!(
            f,
            "  {:<36}{:>10}{:>12}{:>10}{:>10}{:>11}",
            "", "MB/s", "writes/s", "p50 µs", "p99 µs", "CPU s/GB"
        )?;
        for writes in &self.disk_writes {
            writeln!(
                f,
                "  {:<36}{:>10}{:>12}{:>10}{:>10}{:>11}",
                writes.name(),
                short(writes.mb_per_second),
                short(writes.writes_per_second),
                writes.latency_us_p50,
                writes.latency_us_p99,
                short(writes.cpu_s_per_gb)
            )?;
        }
        let meanings = [
            "writes: what acks=0 and acks=1 can last at; more is still in memory",
            "flushed writes: what acks=all can do when an acknowledged record has to survive a power cut",
            "1 at once: its p50 is the least that such an acknowledgement takes",
        ];
        meaning(f, &meanings)
    }

    fn loopback(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (turn, stream) = (&self.turn, &self.stream);
        writeln!(f, "\nLoopback: client and broker on this machine")?;
        writeln!(
            f,
            "  {:<36}{:>10} µs a turn (p50 {}), CPU {} µs client, {} µs server",
            format!("{} there and back", ByteSize(turn.message_bytes)),
            short(turn.us_mean),
            turn.us_p50,
            short(turn.cpu_us_client),
            short(turn.cpu_us_server)
        )?;
        writeln!(
            f,
            "  {:<36}{:>10} MB/s, CPU {} s/GB sender, {} s/GB receiver",
            format!("one stream in pieces of {}", ByteSize(stream.piece_bytes)),
            short(stream.mb_per_second),
            short(stream.cpu_s_per_gb_sender),
            short(stream.cpu_s_per_gb_receiver)
        )?;
        let meanings = [
            "there and back: the least that a request takes of which nothing is asked",
            "stream: what one connection can bring to the broker or take from it, and what its bytes cost both sides",
        ];
        meaning(f, &meanings)
    }

    fn memory(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nOne core")?;
        let copy = short(self.memory_copy_gb_per_second);
        writeln!(f, "  {:<36}{copy:>10} GB/s", "copy in memory")?;
        for checksum in &self.checksums {
            let name = format!("CRC-32C of {}", ByteSize(checksum.block_bytes));
            writeln!(f, "  {name:<36}{:>10} GB/s", short(checksum.gb_per_second))?;
        }
        let meanings = [
            "copy: beyond every cache; each copy that a broker makes of a record costs so much",
            "CRC-32C: in the cache; a broker that checks what it is sent computes it once for every batch",
        ];
        meaning(f, &meanings)
    }
}

fn meaning(f: &mut Formatter<'_>, lines: &[&str]) -> fmt::Result {
    lines.iter().try_for_each(|line| writeln!(f, "    {line}"))
}

/// Three digits, or all those before the point.
fn short(value: f64) -> String {
    let digits = match value.abs() {
        value if value >= 100.0 => 0,
        value if value >= 10.0 => 1,
        value if value >= 1.0 => 2,
        _ => 3,
    };
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_show_what_can_be_relied_on() {
        let cases = [
            (12345.6, "12346"),
            (12.34, "12.3"),
            (1.234, "1.23"),
            (0.1234, "0.123"),
        ];
        for (value, text) in cases {
            assert_eq!(short(value), text);
        }
    }
}
