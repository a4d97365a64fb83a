//! Asking all shards at once, from a thread that is none of them.

use std::future::Future;
use std::rc::Rc;

use tokio::sync::oneshot;

use super::{RemoteShard, Shard};

/// Runs `job` on every shard at once, and waits until each has done it: one result for each, in
/// their order. A shard whose thread is gone gives none.
pub async fn on_every_shard<T, F>(
    shards: &[RemoteShard<Shard>],
    job: impl FnOnce(Rc<Shard>) -> F + Clone + Send + 'static,
) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + 'static,
{
    let ask = |remote: &RemoteShard<Shard>| {
        let (done, result) = oneshot::channel();
        let job = job.clone();
        remote.run(move |shard| {
            let work = job(Rc::clone(shard));
            shard.io.spawn(async move {
                // Whoever asked may have been given up.
                let _ = done.send(work.await);
            });
        });
        result
    };
    let asked: Vec<_> = shards.iter().map(ask).collect();
    let mut results = Vec::with_capacity(asked.len());
    for result in asked {
        results.extend(result.await.ok());
    }
    results
}
