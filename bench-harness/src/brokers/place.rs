//! [`Place`]: where brokers that a command starts keep their data.

use std::path::PathBuf;

use crate::measure::DiskOf;

/// File systems that are memory by another name.
const MEMORY: [&str; 3] = ["tmpfs", "ramfs", "devtmpfs"];

#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    #[error("{0} is not a directory")]
    Missing(PathBuf),
    #[error(
        "{dir} is {file_system}, which is memory: a broker that writes there is not measured writing to a disk. Use --data-dir, or --allow-tmpfs if that is what you want"
    )]
    Memory { dir: PathBuf, file_system: String },
}

#[derive(Clone, Debug, Default, clap::Args)]
pub struct Place {
    /// Where the brokers that are started keep their data, each in a directory that is removed
    /// afterwards [default: the system's directory for temporary files]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Let them keep it in memory, too
    #[arg(long)]
    pub allow_tmpfs: bool,
}

impl Place {
    /// The directory to start brokers in.
    pub fn dir(&self) -> Result<PathBuf, PlaceError> {
        let dir = self.data_dir.clone().unwrap_or_else(std::env::temp_dir);
        if !dir.is_dir() {
            return Err(PlaceError::Missing(dir));
        }
        let file_system = DiskOf::directory(&dir).map(|disk| disk.file_system);
        match file_system.filter(|name| MEMORY.contains(&name.as_str())) {
            Some(file_system) if !self.allow_tmpfs => Err(PlaceError::Memory { dir, file_system }),
            _ => Ok(dir),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn memory_is_refused_unless_it_is_asked_for() {
        let mut place = Place {
            data_dir: Some("/dev/shm".into()),
            allow_tmpfs: false,
        };
        let error = place.dir().unwrap_err();
        assert!(matches!(&error, PlaceError::Memory { .. }), "{error}");
        place.allow_tmpfs = true;
        assert_eq!(place.dir().unwrap(), PathBuf::from("/dev/shm"));
        place.data_dir = Some("/nowhere/at/all".into());
        assert!(matches!(place.dir(), Err(PlaceError::Missing(_))));
    }
}
