//! Where images are published, and where the shards acknowledge that they have taken one.
//!
//! A reader is shown the newest image only: it takes what changed since the one that it had. It
//! acknowledges twice. First that it has let go of the topics that are no longer there, so that a
//! new topic may use the name's directories; then that it has taken all of the image.
//!
//! The lock is held for a few instructions at a time, when metadata changes and never for a
//! request. Wakers are called after it is released.

use std::future::poll_fn;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use slab::Slab;

use super::image::ClusterImage;

/// The newest image and who reads it; clones share it, between threads too.
#[derive(Clone)]
pub struct Images(Arc<Inner>);

struct Inner {
    /// Beside the lock, as requests ask for it.
    leader: AtomicI32,
    shared: Mutex<Shared>,
}

/// What `leader` is while none is known.
const NO_LEADER: i32 = -1;

struct Shared {
    newest: Arc<ClusterImage>,
    readers: Slab<Progress>,
    /// Who waits for readers to acknowledge.
    waiting: Vec<Waker>,
}

/// How far a reader has come.
struct Progress {
    /// It has let go of what this image no longer has.
    released: u64,
    /// It has taken all of this image.
    applied: u64,
    waker: Option<Waker>,
}

impl Images {
    pub fn new(newest: ClusterImage, leader: Option<i32>) -> Self {
        Self(Arc::new(Inner {
            leader: AtomicI32::new(leader.unwrap_or(NO_LEADER)),
            shared: Mutex::new(Shared {
                newest: Arc::new(newest),
                readers: Slab::new(),
                waiting: Vec::new(),
            }),
        }))
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.0.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn newest(&self) -> Arc<ClusterImage> {
        Arc::clone(&self.shared().newest)
    }

    /// The node id of the node that carries commands out, if one is known.
    pub fn leader(&self) -> Option<i32> {
        let leader = self.0.leader.load(Ordering::Relaxed);
        (leader != NO_LEADER).then_some(leader)
    }

    /// Shows a new image to all readers.
    pub(super) fn publish(&self, image: ClusterImage) {
        let mut shared = self.shared();
        assert!(
            image.index > shared.newest.index,
            "images are published in their order"
        );
        shared.newest = Arc::new(image);
        let readers = shared.readers.iter_mut();
        let wakers: Vec<Waker> = readers.filter_map(|(_, r)| r.waker.take()).collect();
        drop(shared);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// A reader that takes the newest image as its first. It counts as having taken it.
    pub fn subscribe(&self) -> ImageReader {
        let mut shared = self.shared();
        let image = Arc::clone(&shared.newest);
        let slot = shared.readers.insert(Progress {
            released: image.index,
            applied: image.index,
            waker: None,
        });
        drop(shared);
        ImageReader {
            images: self.clone(),
            slot,
            image,
        }
    }

    /// Resolves when every reader has taken the image of that index or a later one.
    pub async fn applied(&self, index: u64) {
        self.every_reader(|reader| reader.applied >= index).await;
    }

    /// Whether every reader has taken the image of that index.
    pub(super) fn is_applied(&self, index: u64) -> bool {
        let shared = self.shared();
        let mut readers = shared.readers.iter();
        readers.all(|(_, reader)| reader.applied >= index)
    }

    async fn every_reader(&self, has_come: impl Fn(&Progress) -> bool) {
        poll_fn(|context| {
            let mut shared = self.shared();
            if shared.readers.iter().all(|(_, reader)| has_come(reader)) {
                return Poll::Ready(());
            }
            let waker = context.waker();
            if !shared.waiting.iter().any(|known| known.will_wake(waker)) {
                shared.waiting.push(waker.clone());
            }
            Poll::Pending
        })
        .await;
    }

    /// Changes the list of readers, and has those who wait look again.
    fn change(&self, change: impl FnOnce(&mut Shared)) {
        let mut shared = self.shared();
        change(&mut shared);
        let waiting = std::mem::take(&mut shared.waiting);
        drop(shared);
        waiting.into_iter().for_each(Waker::wake);
    }
}

/// One reader's end. Dropped, nobody waits for it any more.
pub struct ImageReader {
    images: Images,
    slot: usize,
    image: Arc<ClusterImage>,
}

impl ImageReader {
    /// The image that was taken last.
    pub fn image(&self) -> &Arc<ClusterImage> {
        &self.image
    }

    /// Waits for an image that is newer than the last one.
    pub async fn next(&mut self) -> Arc<ClusterImage> {
        let seen = self.image.index;
        let newer = poll_fn(|context| {
            let mut shared = self.images.shared();
            if shared.newest.index > seen {
                return Poll::Ready(Arc::clone(&shared.newest));
            }
            if let Some(reader) = shared.readers.get_mut(self.slot) {
                reader.waker = Some(context.waker().clone());
            }
            Poll::Pending
        })
        .await;
        self.image = Arc::clone(&newer);
        newer
    }

    /// Says that what the last image no longer has is let go of, on the disk too.
    pub fn acknowledge_deletions(&self) {
        let index = self.image.index;
        self.advance(|reader| reader.released = index);
    }

    /// Waits until every reader has let go of what the last image no longer has.
    pub async fn deletions_acknowledged(&self) {
        let index = self.image.index;
        self.images
            .every_reader(|reader| reader.released >= index)
            .await;
    }

    /// Says that all of the last image is taken.
    pub fn acknowledge(&self) {
        let index = self.image.index;
        self.advance(|reader| {
            assert!(
                reader.released >= index,
                "what is deleted is let go of first"
            );
            reader.applied = index;
        });
    }

    fn advance(&self, advance: impl FnOnce(&mut Progress)) {
        self.images.change(|shared| {
            if let Some(reader) = shared.readers.get_mut(self.slot) {
                advance(reader);
            }
        });
    }
}

impl Drop for ImageReader {
    fn drop(&mut self) {
        self.images.change(|shared| {
            shared.readers.try_remove(self.slot);
        });
    }
}
