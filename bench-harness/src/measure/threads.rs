//! How long threads of this process were on a CPU: a load generator whose thread is always busy
//! measures itself.

use std::collections::BTreeMap;
use std::fs;

/// CPU time of each thread whose name begins with `prefix`, by its id, in ns. Empty where the
/// kernel keeps no schedstat.
pub fn thread_times(prefix: &str) -> BTreeMap<u32, u64> {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten();
    let of = |entry: fs::DirEntry| {
        let id = entry.file_name().to_str()?.parse().ok()?;
        // A thread may end between the listing and the reading.
        let name = fs::read_to_string(entry.path().join("comm")).ok()?;
        let times = fs::read_to_string(entry.path().join("schedstat")).ok()?;
        let on_cpu_ns = times.split_whitespace().next()?.parse().ok()?;
        name.starts_with(prefix).then_some((id, on_cpu_ns))
    };
    tasks.filter_map(Result::ok).filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::mpsc::channel;
    use std::thread;

    use super::*;

    #[test]
    fn a_thread_is_found_by_its_name_and_what_it_works_is_counted() {
        let (work, works) = channel::<()>();
        let (told, tells) = channel();
        let worker = thread::Builder::new().name("times-of-me".into());
        let worker = worker.spawn(move || {
            for () in works {
                let sum = (0..20_000_000_u64).fold(0, |sum, n| std::hint::black_box(sum ^ n));
                told.send(sum).unwrap();
            }
        });
        work.send(()).unwrap();
        tells.recv().unwrap();
        let before = thread_times("times-of-me");
        assert_eq!(before.len(), 1);
        work.send(()).unwrap();
        tells.recv().unwrap();
        let after = thread_times("times-of-me");
        let (id, used) = before.first_key_value().unwrap();
        assert!(after[id] > *used);
        drop(work);
        worker.unwrap().join().unwrap();
        assert!(thread_times("nobody-is-named").is_empty());
    }
}
