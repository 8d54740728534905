//! Linux. A child gets its end of a socket pair as standard input: `Command` puts it there without
//! unsafe code, and no other process that the program starts at the same moment inherits it. All
//! further descriptors are sent over that socket (`SCM_RIGHTS`), since a child of a pool is older
//! than the queue that it gets as an argument.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Read, Seek, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{MemfdFlags, SealFlags};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
};
use rustix::process::{Pid, PidfdFlags, Signal};

use super::ended::Ended;

mod words;

pub(in super::super) use words::Words;

pub(in super::super) const TERMINATE: Signal = Signal::TERM;
pub(in super::super) const KILL: Signal = Signal::KILL;

/// Identifies the socket that a child has as standard input, as `device:inode`. A program that a
/// child starts inherits the variable but not the socket, so it is no child.
const VARIABLE: &str = "PROFILE_WORKER";
/// The kernel's limit on descriptors in one message.
const MOST_DESCRIPTORS: usize = 253;

#[derive(Clone, Debug)]
pub(in super::super) struct Descriptor(Arc<OwnedFd>);

impl Descriptor {
    pub(in super::super) fn is_same(&self, other: &Descriptor) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl AsFd for Descriptor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[derive(Debug)]
pub(in super::super) struct Channel(UnixStream);

impl Channel {
    pub(in super::super) fn send(
        &self,
        head: &[u8],
        body: &[u8],
        descriptors: &[Descriptor],
    ) -> io::Result<()> {
        let (mut sent, all) = (0, head.len() + body.len());
        while sent < all {
            let rest = [
                IoSlice::new(&head[sent.min(head.len())..]),
                IoSlice::new(&body[sent.saturating_sub(head.len())..]),
            ];
            let with = if sent == 0 { descriptors } else { &[] };
            sent += send(self.0.as_fd(), &rest, with)?;
        }
        Ok(())
    }

    pub(in super::super) fn receive(
        &self,
        bytes: &mut [u8],
        descriptors: &mut impl Extend<Descriptor>,
    ) -> io::Result<usize> {
        receive(self.0.as_fd(), bytes, descriptors, RecvFlags::empty())
    }
}

fn send(to: BorrowedFd<'_>, bytes: &[IoSlice<'_>], with: &[Descriptor]) -> io::Result<usize> {
    let borrowed: Vec<BorrowedFd<'_>> = with.iter().map(AsFd::as_fd).collect();
    let message = SendAncillaryMessage::ScmRights(&borrowed);
    let mut space = vec![MaybeUninit::uninit(); if with.is_empty() { 0 } else { message.size() }];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !with.is_empty() && (with.len() > MOST_DESCRIPTORS || !control.push(message)) {
        let message =
            format!("more than {MOST_DESCRIPTORS} queues, locks or values in one message");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    Ok(rustix::io::retry_on_intr(|| {
        rustix::net::sendmsg(to, bytes, &mut control, SendFlags::NOSIGNAL)
    })?)
}

fn receive(
    from: BorrowedFd<'_>,
    bytes: &mut [u8],
    descriptors: &mut impl Extend<Descriptor>,
    flags: RecvFlags,
) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = rustix::io::retry_on_intr(|| {
        let bytes = &mut [IoSliceMut::new(bytes)];
        rustix::net::recvmsg(from, bytes, &mut control, flags | RecvFlags::CMSG_CLOEXEC)
    })?;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(sent) = message {
            descriptors.extend(sent.map(|it| Descriptor(Arc::new(it))));
        }
    }
    Ok(received.bytes)
}

/// Waits until one of them can be read or has ended; says which. `None`: the time is over.
fn wait_for_any<const N: usize>(
    any: [BorrowedFd<'_>; N],
    limit: Option<Duration>,
) -> io::Result<Option<[bool; N]>> {
    let end = limit.and_then(|limit| Instant::now().checked_add(limit));
    let mut polled = any.map(|it| PollFd::from_borrowed_fd(it, PollFlags::IN));
    loop {
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        let left = left.and_then(|left| Timespec::try_from(left).ok());
        match poll(&mut polled, left.as_ref()) {
            Ok(0) => return Ok(None),
            Ok(_) => return Ok(Some(polled.map(|it| !it.revents().is_empty()))),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

#[derive(Debug)]
pub(in super::super) struct Child {
    child: std::process::Child,
    /// Refers to this very process, whatever gets its number later.
    pidfd: Arc<OwnedFd>,
}

impl Child {
    pub(in super::super) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(in super::super) fn wait(&mut self, limit: Option<Duration>) -> io::Result<Option<Ended>> {
        // A child that has ended already is seen without a further descriptor.
        if let Some(status) = self.child.try_wait()? {
            return Ok(Some(Ended::new(status)));
        }
        if wait_for_any([self.pidfd.as_fd()], limit)?.is_none() {
            return Ok(None);
        }
        Ok(Some(Ended::new(self.child.wait()?)))
    }

    pub(in super::super) fn signaller(&self) -> Signaller {
        Signaller(self.pidfd.clone())
    }

    /// Whether `channel` has something to read, if only its end; `None`: the time is over.
    pub(in super::super) fn wait_for_data(
        &self,
        channel: &Channel,
        limit: Option<Duration>,
    ) -> io::Result<Option<bool>> {
        let found = wait_for_any([channel.0.as_fd(), self.pidfd.as_fd()], limit)?;
        Ok(found.map(|[readable, _]| readable))
    }
}

/// Sends signals to a child, also while another thread waits for it.
#[derive(Clone, Debug)]
pub(in super::super) struct Signaller(Arc<OwnedFd>);

impl Signaller {
    /// Nothing happens if the child has ended.
    pub(in super::super) fn signal(&self, signal: Signal) {
        let _ = rustix::process::pidfd_send_signal(&self.0, signal);
    }
}

fn identity(of: impl AsFd) -> io::Result<String> {
    let about = rustix::fs::fstat(of)?;
    Ok(format!("{}:{}", about.st_dev, about.st_ino))
}

pub(in super::super) fn start_this_program() -> io::Result<(Child, Channel)> {
    let (ours, theirs) = UnixStream::pair()?;
    let mut arguments = std::env::args_os();
    // The link leads to the running program even if its file was replaced.
    let mut command = Command::new("/proc/self/exe");
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    command.args(arguments).env(VARIABLE, identity(&theirs)?);
    let mut child = command.stdin(Stdio::from(OwnedFd::from(theirs))).spawn()?;
    let pid = Pid::from_child(&child);
    let pidfd = rustix::process::pidfd_open(pid, PidfdFlags::empty()).inspect_err(|_| {
        let _ = child.kill();
        let _ = child.wait();
    })?;
    Ok((Child { child, pidfd: Arc::new(pidfd) }, Channel(ours)))
}

pub(in super::super) fn is_waiting_child() -> bool {
    let Ok(named) = std::env::var(VARIABLE) else { return false };
    identity(io::stdin()).is_ok_and(|found| found == named)
}

pub(in super::super) fn channel_of_parent() -> Option<Channel> {
    if !is_waiting_child() {
        return None;
    }
    let channel = io::stdin().as_fd().try_clone_to_owned().ok()?;
    rustix::stdio::dup2_stdin(File::open("/dev/null").ok()?).ok()?;
    Some(Channel(UnixStream::from(channel)))
}

pub(in super::super) fn end_at_once() -> ! {
    let _ = rustix::process::kill_process(rustix::process::getpid(), Signal::KILL);
    std::process::abort()
}

#[derive(Clone, Debug)]
pub(in super::super) struct Packets(Descriptor);

/// Messages of more bytes travel in a memory file, since a socket refuses what exceeds its buffer.
const LARGEST_PACKET: usize = 32 << 10;
const IN_PACKET: u8 = 0;
const IN_FILE: u8 = 1;

impl Packets {
    pub(in super::super) fn pair() -> io::Result<[Packets; 2]> {
        let (one, other) = rustix::net::socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )?;
        Ok([one, other].map(|end| Packets(Descriptor(Arc::new(end)))))
    }

    pub(in super::super) fn descriptor(&self) -> &Descriptor {
        &self.0
    }

    pub(in super::super) fn from_descriptor(descriptor: Descriptor) -> Packets {
        Packets(descriptor)
    }

    /// Waits while the buffer is full.
    pub(in super::super) fn send(&self, message: &[u8]) -> io::Result<()> {
        if message.len() <= LARGEST_PACKET {
            let parts = [IoSlice::new(&[IN_PACKET]), IoSlice::new(message)];
            return send(self.0.as_fd(), &parts, &[]).map(drop);
        }
        let mut file = File::from(rustix::fs::memfd_create("message", MemfdFlags::CLOEXEC)?);
        file.write_all(message)?;
        let file = Descriptor(Arc::new(OwnedFd::from(file)));
        send(self.0.as_fd(), &[IoSlice::new(&[IN_FILE])], &[file]).map(drop)
    }

    /// `None`: the time is over. An error of kind `UnexpectedEof`: nobody can send any more.
    pub(in super::super) fn receive(&self, limit: Option<Duration>) -> io::Result<Option<Vec<u8>>> {
        let mut bytes = vec![0; LARGEST_PACKET + 1];
        let mut files: Vec<Descriptor> = Vec::new();
        let Some(length) = self.receive_into(&mut bytes, &mut files, limit)? else {
            return Ok(None);
        };
        bytes.truncate(length);
        match (bytes.first(), files.pop()) {
            (Some(&IN_FILE), Some(file)) => read_file(&file).map(Some),
            (Some(_), _) => Ok(Some(bytes.split_off(1))),
            (None, _) => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Waits by `poll` if the time is limited, and then receives without waiting: another process
    /// may have taken the message meanwhile.
    fn receive_into(
        &self,
        bytes: &mut [u8],
        files: &mut Vec<Descriptor>,
        limit: Option<Duration>,
    ) -> io::Result<Option<usize>> {
        let Some(limit) = limit else {
            return receive(self.0.as_fd(), bytes, files, RecvFlags::empty()).map(Some);
        };
        let end = Instant::now().checked_add(limit);
        loop {
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            if !self.is_readable(left)? {
                return Ok(None);
            }
            match receive(self.0.as_fd(), bytes, files, RecvFlags::DONTWAIT) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                received => return received.map(Some),
            }
        }
    }

    pub(in super::super) fn is_readable(&self, limit: Option<Duration>) -> io::Result<bool> {
        Ok(wait_for_any([self.0.as_fd()], limit)?.is_some())
    }
}

fn read_file(file: &Descriptor) -> io::Result<Vec<u8>> {
    let mut file = File::from(file.as_fd().try_clone_to_owned()?);
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A memory file of this many bytes that cannot shrink, so that no access to a mapping of it ever
/// raises SIGBUS.
fn memory_file(bytes: u64) -> io::Result<Descriptor> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let file = rustix::fs::memfd_create("profile-workers", flags)?;
    rustix::fs::ftruncate(&file, bytes)?;
    rustix::fs::fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
    Ok(Descriptor(Arc::new(file)))
}
