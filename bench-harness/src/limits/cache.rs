//! Limits are kept from one command to the next, in the user's cache directory: measuring takes
//! most of a minute.
//!
//! One file holds those of every disk, kernel and processor that were measured. A file that does
//! not read is as good as none; it is replaced by the next measurement.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use super::error::LimitsError;
use super::model::Limits;
use crate::measure::Environment;

type Known = BTreeMap<String, Limits>;

impl Limits {
    /// What was measured last on the disk below `dir`, with this kernel and processor.
    pub fn cached(dir: &Path) -> Option<Self> {
        read(&file()?).remove(&key(&Environment::of(dir)))
    }

    /// Keeps these limits for [`Self::cached`]; says where.
    ///
    /// # Errors
    /// When there is no cache directory or it cannot be written to.
    pub fn store(&self) -> Result<PathBuf, LimitsError> {
        let file = file().ok_or(LimitsError::NoCacheDirectory)?;
        self.store_in(&file)?;
        Ok(file)
    }

    fn store_in(&self, file: &Path) -> Result<(), LimitsError> {
        let mut known = read(file);
        known.insert(key(&self.environment), self.clone());
        replace(file, &known).map_err(|source| LimitsError::Write {
            path: file.into(),
            source,
        })
    }
}

fn file() -> Option<PathBuf> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty());
    let cache = set("XDG_CACHE_HOME")
        .map(PathBuf::from)
        // The XDG base directory specification has relative paths ignored.
        .filter(|path| path.is_absolute())
        .or_else(|| Some(PathBuf::from(set("HOME")?).join(".cache")))?;
    Some(cache.join("naru-bench").join("limits.json"))
}

fn read(file: &Path) -> Known {
    let text = fs::read_to_string(file).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

/// Whole or not at all: two commands may end at the same time.
fn replace(file: &Path, known: &Known) -> io::Result<()> {
    let directory = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(directory)?;
    let mut temporary = tempfile::NamedTempFile::new_in(directory)?;
    serde_json::to_writer_pretty(&mut temporary, known)?;
    temporary.persist(file)?;
    Ok(())
}

/// A home directory may be shared by machines, and a debug build is slow in its own way.
fn key(environment: &Environment) -> String {
    let disk = environment.disk.clone().unwrap_or_default();
    let build = if cfg!(debug_assertions) {
        "debug"
    } else {
        "release"
    };
    format!(
        "{} {}, {}, {} x {}, {build}",
        disk.device, disk.file_system, environment.kernel, environment.cores, environment.cpu_model
    )
}

#[cfg(test)]
mod tests {
    use super::super::model::{Stream, Turn};
    use super::*;

    fn limits(dir: &Path, seconds: f64) -> Limits {
        Limits {
            environment: Environment::of(dir),
            seconds_per_probe: seconds,
            disk_writes: Vec::new(),
            turn: Turn::default(),
            stream: Stream::default(),
            memory_copy_gb_per_second: 1.0,
            checksums: Vec::new(),
        }
    }

    #[test]
    fn the_last_measurement_of_each_disk_is_kept() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("naru-bench").join("limits.json");
        let first = limits(home.path(), 1.0);
        first.store_in(&file).unwrap();
        let again = limits(home.path(), 2.0);
        again.store_in(&file).unwrap();
        let mut other = limits(home.path(), 3.0);
        other.environment.disk.as_mut().unwrap().device = "/dev/other".into();
        other.store_in(&file).unwrap();
        let mut known = read(&file);
        assert_eq!(known.len(), 2);
        assert_eq!(known.remove(&key(&first.environment)), Some(again));
        assert_eq!(known.remove(&key(&other.environment)), Some(other));
    }

    #[test]
    fn a_file_that_does_not_read_is_replaced() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("limits.json");
        fs::write(&file, "{\"cut").unwrap();
        assert!(read(&file).is_empty());
        limits(home.path(), 1.0).store_in(&file).unwrap();
        assert_eq!(read(&file).len(), 1);
    }
}
