//! A result that is worked out once for all who ask while it is.

use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;

use tokio::sync::oneshot;
use tokio::task::spawn_local;

/// Those who wait; `None` while nobody works.
type Waiting<T> = RefCell<Option<Vec<oneshot::Sender<T>>>>;

pub struct Shared<T>(Rc<Waiting<T>>);

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self(Rc::default())
    }
}

impl<T: Clone + 'static> Shared<T> {
    /// What `work` gives, or what an earlier one gives that is under way; then `work` is dropped.
    /// It goes on when whoever asked is gone: others may wait for it. `None` when it has fallen.
    pub async fn get(&self, work: impl Future<Output = T> + 'static) -> Option<T> {
        let (sender, result) = oneshot::channel();
        let is_under_way = match &mut *self.0.borrow_mut() {
            Some(waiting) => {
                waiting.push(sender);
                true
            }
            idle => {
                *idle = Some(vec![sender]);
                false
            }
        };
        if !is_under_way {
            let waiting = Rc::clone(&self.0);
            spawn_local(async move {
                let result = work.await;
                for sender in waiting.take().unwrap_or_default() {
                    // Whoever asked may be gone.
                    let _ = sender.send(result.clone());
                }
            });
        }
        result.await.ok()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tokio::task::{LocalSet, yield_now};

    use super::*;

    #[test]
    fn those_who_ask_meanwhile_get_the_same_and_later_ones_get_a_new_one() {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let local = LocalSet::new();
        local.block_on(&runtime.build().unwrap(), async {
            let shared = Rc::new(Shared::<u32>::default());
            let made = Rc::new(Cell::new(0));
            let (allow, allowed) = oneshot::channel::<()>();
            let work = |wait: Option<oneshot::Receiver<()>>| {
                let made = Rc::clone(&made);
                async move {
                    if let Some(wait) = wait {
                        wait.await.unwrap();
                    }
                    made.set(made.get() + 1);
                    made.get()
                }
            };
            let first = {
                let (shared, work) = (Rc::clone(&shared), work(Some(allowed)));
                spawn_local(async move { shared.get(work).await })
            };
            yield_now().await;
            // One that gives up changes nothing.
            let gone = {
                let (shared, work) = (Rc::clone(&shared), work(None));
                spawn_local(async move { shared.get(work).await })
            };
            let second = {
                let (shared, work) = (Rc::clone(&shared), work(None));
                spawn_local(async move { shared.get(work).await })
            };
            yield_now().await;
            gone.abort();
            allow.send(()).unwrap();
            assert_eq!(first.await.unwrap(), Some(1));
            assert_eq!(second.await.unwrap(), Some(1));
            assert_eq!(shared.get(work(None)).await, Some(2));
        });
    }
}
