//! The kinds of operations that a simulated disk knows.

/// Kinds of operations, for choosing what fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum OpKind {
    Open,
    CreateDir,
    List,
    Rename,
    Remove,
    SyncDir,
    Write,
    WriteDurable,
    /// Reads, and asking for a length.
    Read,
    SyncData,
    Allocate,
    SetLength,
    SyncFileSystem,
}

impl OpKind {
    pub(super) const COUNT: usize = Self::SyncFileSystem as usize + 1;

    /// Whether the world may differ afterwards; only these are counted as operations.
    pub(super) fn is_change(self) -> bool {
        !matches!(self, Self::List | Self::Read)
    }
}
