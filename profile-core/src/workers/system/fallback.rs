//! Systems without support: no process is started, so no value of these types exists.

use std::convert::Infallible;
use std::io;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use super::ended::Ended;

#[derive(Clone, Copy, Debug)]
pub(in super::super) enum Signal {
    Terminate,
    Kill,
}

pub(in super::super) const TERMINATE: Signal = Signal::Terminate;
pub(in super::super) const KILL: Signal = Signal::Kill;

fn unsupported<T>() -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "workers need Linux"))
}

#[derive(Clone, Debug)]
pub(in super::super) struct Descriptor(Infallible);

impl Descriptor {
    pub(in super::super) fn is_same(&self, _: &Descriptor) -> bool {
        match self.0 {}
    }
}

#[derive(Debug)]
pub(in super::super) struct Channel(Infallible);

impl Channel {
    pub(in super::super) fn send(&self, _: &[u8], _: &[u8], _: &[Descriptor]) -> io::Result<()> {
        match self.0 {}
    }

    pub(in super::super) fn receive(
        &self,
        _: &mut [u8],
        _: &mut impl Extend<Descriptor>,
    ) -> io::Result<usize> {
        match self.0 {}
    }
}

#[derive(Debug)]
pub(in super::super) struct Child(Infallible);

impl Child {
    pub(in super::super) fn id(&self) -> u32 {
        match self.0 {}
    }

    pub(in super::super) fn wait(&mut self, _: Option<Duration>) -> io::Result<Option<Ended>> {
        match self.0 {}
    }

    pub(in super::super) fn signaller(&self) -> Signaller {
        match self.0 {}
    }

    pub(in super::super) fn wait_for_data(
        &self,
        _: &Channel,
        _: Option<Duration>,
    ) -> io::Result<Option<bool>> {
        match self.0 {}
    }
}

#[derive(Clone, Debug)]
pub(in super::super) struct Signaller(Infallible);

impl Signaller {
    pub(in super::super) fn signal(&self, _: Signal) {
        match self.0 {}
    }
}

pub(in super::super) fn start_this_program() -> io::Result<(Child, Channel)> {
    unsupported()
}

pub(in super::super) fn is_waiting_child() -> bool {
    false
}

pub(in super::super) fn channel_of_parent() -> Option<Channel> {
    None
}

pub(in super::super) fn end_at_once() -> ! {
    std::process::abort()
}

#[derive(Clone, Debug)]
pub(in super::super) struct Packets(Infallible);

impl Packets {
    pub(in super::super) fn pair() -> io::Result<[Packets; 2]> {
        unsupported()
    }

    pub(in super::super) fn descriptor(&self) -> &Descriptor {
        match self.0 {}
    }

    pub(in super::super) fn from_descriptor(descriptor: Descriptor) -> Packets {
        match descriptor.0 {}
    }

    pub(in super::super) fn send(&self, _: &[u8]) -> io::Result<()> {
        match self.0 {}
    }

    pub(in super::super) fn receive(&self, _: Option<Duration>) -> io::Result<Option<Vec<u8>>> {
        match self.0 {}
    }

    pub(in super::super) fn is_readable(&self, _: Option<Duration>) -> io::Result<bool> {
        match self.0 {}
    }
}

#[derive(Debug)]
pub(in super::super) struct Words(Infallible);

impl Words {
    pub(in super::super) fn new(_: usize) -> io::Result<Words> {
        unsupported()
    }

    pub(in super::super) fn from_descriptor(descriptor: Descriptor) -> io::Result<Words> {
        match descriptor.0 {}
    }

    pub(in super::super) fn descriptor(&self) -> &Descriptor {
        match self.0 {}
    }

    pub(in super::super) fn words(&self) -> &[AtomicU64] {
        match self.0 {}
    }
}
