//! What nobody reads any more is removed by the maintenance thread.

use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use naru_runtime::{Disk, MaintenanceDisk};

use super::Shard;

impl Shard {
    /// Has files removed after `delay`: a reader may still be at them.
    pub fn remove_after(self: &Rc<Self>, delay: Duration, files: Vec<PathBuf>) {
        let shard = Rc::clone(self);
        self.io.spawn(async move {
            shard.io.sleep(delay).await;
            shard.remove(files, async |disk, path| disk.remove_file(path).await);
        });
    }

    /// Has directories removed with all that they hold.
    pub(super) fn remove_directories(&self, directories: Vec<PathBuf>) {
        self.remove(directories, async |disk, path| {
            disk.remove_dir_all(path).await
        });
    }

    fn remove(
        &self,
        paths: Vec<PathBuf>,
        remove: impl AsyncFn(&MaintenanceDisk, &PathBuf) -> std::io::Result<()> + Send + 'static,
    ) {
        let job = move |disk| async move {
            for path in &paths {
                if let Err(error) = remove(&disk, path).await {
                    tracing::warn!("cannot remove {}: {error}", path.display());
                }
            }
        };
        if let Err(error) = self.maintenance.submit(job, |()| {}) {
            // Whatever is left over is removed at the next start.
            tracing::warn!("files are removed at the next start: {error}");
        }
    }
}
