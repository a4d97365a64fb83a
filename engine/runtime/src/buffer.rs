//! Aligned memory for direct I/O: recycled allocations, and the chunk that is write
//! buffer and tail cache at once.
//!
//! Invariants: an allocation starts at a multiple of [`BLOCK_BYTES`]; what was handed to
//! a reader as [`Bytes`] is never written again; an allocation goes back to the pool with
//! its last reader, on whichever thread that happens. The pool never holds back more than
//! [`set_pool_bytes_max`] says, over all sizes.
//!
//! Large allocations are mapped: the kernel gives them pages as they are filled, and takes
//! them back at once. What a peer announces and never sends costs no memory.
//!
//! This file and the ring are the only rooms of the engine with `unsafe`.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::any::Any;
use std::mem::ManuallyDrop;
use std::num::NonZeroUsize;
use std::ops::{Deref, DerefMut, Range};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use crossbeam::queue::ArrayQueue;
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, munmap};

use super::disk::BLOCK_BYTES;

/// Allocations of 4 KiB, 8 KiB, … 1 MiB are recycled; larger ones are returned at once.
const CLASS_COUNT: usize = 9;

/// What one size class may hold back for reuse, in bytes.
const CLASS_BYTES_MAX: usize = 32 << 20;

/// What all classes together may hold back until somebody sets another bound, in bytes.
const POOL_BYTES_MAX: usize = 64 << 20;

/// From this size on an allocation is mapped, in bytes. glibc raises its own threshold up
/// to 32 MiB, and what is in its heap does not go back to the kernel in any order.
const MAPPED_BYTES_MIN: usize = 128 << 10;

/// A fresh large allocation costs a page fault for every 4 KiB of it, which is more CPU
/// than copying a record into it; hence the pool.
static POOL: LazyLock<[ArrayQueue<Raw>; CLASS_COUNT]> = LazyLock::new(|| {
    std::array::from_fn(|class| ArrayQueue::new(CLASS_BYTES_MAX / (BLOCK_BYTES << class)))
});

/// One aligned allocation of at least a block. Its memory is initialised.
struct Raw {
    start: NonNull<u8>,
    capacity: usize,
}

// SAFETY: `Raw` owns its allocation; nothing in it belongs to a thread.
unsafe impl Send for Raw {}
// SAFETY: shared access goes through `Chunk` and `Aligned`, which hand out only what is
// no longer written.
unsafe impl Sync for Raw {}

/// The bound of the pool, and what is in it, in bytes.
static POOL_LIMIT: AtomicUsize = AtomicUsize::new(POOL_BYTES_MAX);
static POOLED: AtomicUsize = AtomicUsize::new(0);

/// Bounds what the pool of this process holds back for reuse, in bytes.
pub fn set_pool_bytes_max(bytes: usize) {
    POOL_LIMIT.store(bytes, Ordering::Relaxed);
    make_room();
}

/// What the pool of this process holds back now, in bytes.
pub fn pooled_bytes() -> usize {
    POOLED.load(Ordering::Relaxed)
}

/// Frees pooled allocations, large ones first, until the rest keeps to the bound.
fn make_room() {
    for class in POOL.iter().rev() {
        while POOLED.load(Ordering::Relaxed) > POOL_LIMIT.load(Ordering::Relaxed) {
            let Some(raw) = class.pop() else { break };
            POOLED.fetch_sub(raw.capacity, Ordering::Relaxed);
            raw.free();
        }
    }
}

fn class_of(capacity: usize) -> Option<usize> {
    let blocks = capacity / BLOCK_BYTES;
    let class = blocks.trailing_zeros() as usize;
    (blocks.is_power_of_two() && class < CLASS_COUNT).then_some(class)
}

impl Raw {
    /// An allocation of at least `bytes`, rounded up to a power of two of blocks, or to
    /// whole blocks above the largest class.
    fn new(bytes: usize) -> Self {
        let capacity = capacity_for(bytes);
        if let Some(class) = class_of(capacity)
            && let Some(raw) = POOL[class].pop()
        {
            POOLED.fetch_sub(capacity, Ordering::Relaxed);
            return raw;
        }
        Self::fresh(capacity)
    }

    fn fresh(capacity: usize) -> Self {
        let layout = Self::layout(capacity);
        if capacity >= MAPPED_BYTES_MIN {
            let length = NonZeroUsize::new(capacity).expect("at least a block");
            let rights = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
            // SAFETY: a new private mapping at an address of the kernel's choice touches
            // no memory that exists; it starts at a page and reads as zeros.
            let mapped = unsafe { mmap_anonymous(None, length, rights, MapFlags::MAP_PRIVATE) };
            return match mapped {
                Ok(start) => Self {
                    start: start.cast(),
                    capacity,
                },
                Err(_) => handle_alloc_error(layout),
            };
        }
        // SAFETY: the layout's size is not zero.
        let start = unsafe { alloc(layout) };
        let Some(start) = NonNull::new(start) else {
            handle_alloc_error(layout)
        };
        // SAFETY: `start` is valid for `capacity` bytes; references must see initialised
        // memory.
        unsafe { start.as_ptr().write_bytes(0, capacity) };
        Self { start, capacity }
    }

    fn layout(capacity: usize) -> Layout {
        Layout::from_size_align(capacity, BLOCK_BYTES).expect("capacities are far below isize::MAX")
    }

    /// Returns the memory to where it came from, past the pool.
    fn free(self) {
        let raw = ManuallyDrop::new(self);
        if raw.capacity >= MAPPED_BYTES_MIN {
            // SAFETY: mapped by `fresh` with the same length, and no one else owns it.
            let unmapped = unsafe { munmap(raw.start.cast(), raw.capacity) };
            unmapped.expect("a whole mapping of our own can be taken down");
        } else {
            // SAFETY: made by `fresh` with the same layout, and no one else owns it.
            unsafe { dealloc(raw.start.as_ptr(), Self::layout(raw.capacity)) };
        }
    }
}

/// What an allocation for `bytes` really takes.
fn capacity_for(bytes: usize) -> usize {
    let blocks = bytes.div_ceil(BLOCK_BYTES).max(1);
    let pooled = blocks.next_power_of_two() * BLOCK_BYTES;
    match class_of(pooled) {
        Some(_) => pooled,
        None => blocks * BLOCK_BYTES,
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let mut back = Raw {
            start: self.start,
            capacity: self.capacity,
        };
        if let Some(class) = class_of(self.capacity) {
            match POOL[class].push(back) {
                Ok(()) => {
                    let pooled = POOLED.fetch_add(self.capacity, Ordering::Relaxed);
                    if pooled + self.capacity > POOL_LIMIT.load(Ordering::Relaxed) {
                        make_room();
                    }
                    return;
                }
                Err(full) => back = full,
            }
        }
        back.free();
    }
}

/// Aligned memory with one owner: what a read fills, or what a socket receives into.
pub struct Aligned {
    raw: Raw,
    length: usize,
}

impl Aligned {
    /// `length` bytes of unspecified content.
    pub fn new(length: usize) -> Self {
        Self {
            raw: Raw::new(length),
            length,
        }
    }

    /// What fits without another allocation, in bytes; a multiple of [`BLOCK_BYTES`].
    pub fn capacity(&self) -> usize {
        self.raw.capacity
    }

    /// Sets the length, at most [`Self::capacity`].
    pub fn set_length(&mut self, length: usize) {
        assert!(length <= self.raw.capacity);
        self.length = length;
    }

    /// Gives the memory to readers; it is never written again.
    pub fn freeze(self) -> Bytes {
        Bytes::from_owner(self)
    }

    pub(crate) fn as_mut_ptr(&mut self) -> *mut u8 {
        self.raw.start.as_ptr()
    }
}

impl Deref for Aligned {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        // SAFETY: initialised by `Raw`, `length` is within it, and `self` is its only owner.
        unsafe { std::slice::from_raw_parts(self.raw.start.as_ptr(), self.length) }
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `deref`, and `self` is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.raw.start.as_ptr(), self.length) }
    }
}

impl AsRef<[u8]> for Aligned {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

/// Memory that one writer fills from the front while readers hold what is filled.
///
/// Bytes in `0..filled` never change. The writer touches only `filled..capacity`, through
/// a raw pointer, so no reference to a byte exists while it is written.
pub struct Chunk {
    shared: Arc<Shared>,
    filled: usize,
}

/// Something that lives as long as a chunk's memory.
pub type Guard = Box<dyn Any + Send + Sync>;

/// The memory of a chunk, and what is to be dropped once it is gone.
struct Shared {
    raw: Raw,
    _guard: Option<Guard>,
}

impl Chunk {
    pub fn new(capacity: usize) -> Self {
        Self::of(capacity, None)
    }

    /// A chunk that keeps `guard` until the last reader of its memory is gone: one slice
    /// pins the whole of it.
    pub fn guarded(capacity: usize, guard: Guard) -> Self {
        Self::of(capacity, Some(guard))
    }

    fn of(capacity: usize, guard: Option<Guard>) -> Self {
        Self {
            shared: Arc::new(Shared {
                raw: Raw::new(capacity),
                _guard: guard,
            }),
            filled: 0,
        }
    }

    /// What a chunk for `bytes` really takes.
    pub fn capacity_for(bytes: usize) -> usize {
        capacity_for(bytes)
    }

    pub fn filled(&self) -> usize {
        self.filled
    }

    pub fn capacity(&self) -> usize {
        self.shared.raw.capacity
    }

    pub fn room(&self) -> usize {
        self.shared.raw.capacity - self.filled
    }

    /// Copies `data` to where the filled part ends.
    ///
    /// # Panics
    /// When `data` is longer than [`Self::room`].
    pub fn append(&mut self, data: &[u8]) {
        assert!(data.len() <= self.room());
        // SAFETY: the target is within the allocation (asserted), in the part that no
        // reference covers; `data` cannot overlap it, being a reference itself.
        unsafe {
            self.shared
                .raw
                .start
                .as_ptr()
                .add(self.filled)
                .copy_from_nonoverlapping(data.as_ptr(), data.len());
        }
        self.filled += data.len();
    }

    /// Where the part begins that is not filled, for the kernel to fill.
    pub(crate) fn room_mut_ptr(&mut self) -> *mut u8 {
        // SAFETY: `filled` never passes the capacity.
        unsafe { self.shared.raw.start.as_ptr().add(self.filled) }
    }

    /// Counts `bytes` more as filled: something else than [`Self::append`] filled them.
    pub(crate) fn add_filled(&mut self, bytes: usize) {
        assert!(bytes <= self.room());
        self.filled += bytes;
    }

    /// A reader's view of filled bytes; it keeps the memory alive.
    ///
    /// # Panics
    /// When `range` reaches beyond what is filled.
    pub fn slice(&self, range: Range<usize>) -> Bytes {
        assert!(range.start <= range.end && range.end <= self.filled);
        Bytes::from_owner(View {
            shared: Arc::clone(&self.shared),
            range,
        })
    }

    /// Forgets what is filled, if no reader holds any of it; says whether it did.
    pub fn clear(&mut self) -> bool {
        let is_free = Arc::get_mut(&mut self.shared).is_some();
        if is_free {
            self.filled = 0;
        }
        is_free
    }

    /// Whether no reader holds any of it.
    pub fn is_unshared(&self) -> bool {
        Arc::strong_count(&self.shared) == 1
    }
}

struct View {
    shared: Arc<Shared>,
    range: Range<usize>,
}

impl AsRef<[u8]> for View {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: the range was filled when the view was made, and filled bytes never
        // change.
        unsafe {
            std::slice::from_raw_parts(
                self.shared.raw.start.as_ptr().add(self.range.start),
                self.range.end - self.range.start,
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allocation_is_aligned_and_comes_back_from_the_pool() {
        for length in [1, 4096, 5000, 1 << 20, (1 << 20) + 1, 5 << 20] {
            let buffer = Aligned::new(length);
            assert_eq!(buffer.as_ptr() as usize % BLOCK_BYTES, 0);
            assert!(buffer.capacity() >= length && buffer.len() == length);
        }
    }

    #[test]
    fn a_reader_of_a_chunk_keeps_what_it_saw() {
        let mut chunk = Chunk::new(8192);
        chunk.append(b"first");
        let view = chunk.slice(0..5);
        chunk.append(b"second");
        let both = chunk.slice(0..11);
        drop(chunk);
        assert_eq!(&view[..], b"first");
        assert_eq!(&both[..], b"firstsecond");
    }

    #[test]
    fn a_guard_lives_as_long_as_the_last_slice() {
        let alive = Arc::new(());
        let mut chunk = Chunk::guarded(1 << 20, Box::new(Arc::clone(&alive)));
        chunk.append(b"pinned");
        let slice = chunk.slice(0..1);
        drop(chunk);
        assert_eq!(Arc::strong_count(&alive), 2);
        drop(slice);
        assert_eq!(Arc::strong_count(&alive), 1);
    }

    #[test]
    fn a_large_buffer_takes_pages_as_it_is_filled() {
        let resident = || {
            let statm = std::fs::read_to_string("/proc/self/statm").expect("procfs");
            let pages = statm.split(' ').nth(1).expect("the second field");
            pages.parse::<usize>().expect("a number") * 4096
        };
        let before = resident();
        let mut chunk = Chunk::new(512 << 20);
        chunk.append(&[1; 4096]);
        // Other tests of this process take some memory meanwhile.
        assert!(resident().saturating_sub(before) < 256 << 20);
    }

    #[test]
    #[should_panic]
    fn a_chunk_does_not_show_what_is_not_filled() {
        Chunk::new(4096).slice(0..1);
    }
}
