//! A socket, with or without TLS on top: bytes in, bytes out, never blocking.

use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::sockopt::{set_tcp_nodelay, socket_error};
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, connect, send, socket_with};
use rustls::ClientConnection;

use super::tls::TlsClient;
use crate::load::slots::Failure;

/// One connection to the subject.
#[derive(Debug)]
pub(super) struct Wire {
    socket: OwnedFd,
    tls: Option<Box<ClientConnection>>,
    /// Something came over TLS.
    heard: bool,
}

/// How far greeting or sending has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    Done,
    /// The socket takes no more for now.
    Blocked,
    /// The other side has to speak first.
    Waiting,
}

impl Wire {
    /// Begins to connect; `true` where that is done at once.
    pub(super) fn open(address: SocketAddr, tls: Option<&TlsClient>) -> io::Result<(Self, bool)> {
        let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(family, SocketType::STREAM, flags, None)?;
        set_tcp_nodelay(&socket, true)?;
        let connected = match connect(&socket, &address) {
            Ok(()) => true,
            Err(Errno::INPROGRESS) => false,
            Err(error) => return Err(error.into()),
        };
        let tls = tls.map(|tls| tls.begin().map(Box::new)).transpose().map_err(io::Error::other)?;
        Ok((Self { socket, tls, heard: false }, connected))
    }

    /// How connecting ended.
    pub(super) fn connected(&self) -> io::Result<()> {
        Ok(socket_error(&self.socket)??)
    }

    pub(super) fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Goes on with the TLS handshake, where there is one.
    pub(super) fn greet(&mut self) -> Result<Progress, Failure> {
        loop {
            let Some(tls) = &self.tls else { return Ok(Progress::Done) };
            let (handshaking, reads) = (tls.is_handshaking(), tls.wants_read());
            if self.flush()? == Progress::Blocked {
                return Ok(Progress::Blocked);
            }
            if !handshaking {
                return Ok(Progress::Done);
            }
            if reads && self.fill()?.is_none() {
                return Ok(Progress::Waiting);
            }
        }
    }

    /// What the handshake agreed to speak (ALPN).
    pub(super) fn agreed(&self) -> Option<&[u8]> {
        self.tls.as_ref()?.alpn_protocol()
    }

    /// Takes bytes for sending; how many, 0 where the socket takes none for now.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<usize, Failure> {
        let Some(tls) = &mut self.tls else {
            loop {
                return match send(&self.socket, bytes, SendFlags::NOSIGNAL) {
                    Ok(length) => Ok(length),
                    Err(Errno::INTR) => continue,
                    Err(Errno::AGAIN) => Ok(0),
                    Err(_) => Err(Failure::Reset),
                };
            }
        };
        let taken = tls.writer().write(bytes).map_err(|_| Failure::Reset)?;
        self.flush()?;
        Ok(taken)
    }

    /// Sends what was taken and is still here: only TLS keeps anything.
    pub(super) fn flush(&mut self) -> Result<Progress, Failure> {
        let Some(tls) = &mut self.tls else { return Ok(Progress::Done) };
        while tls.wants_write() {
            match tls.write_tls(&mut Sending(&self.socket)) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Progress::Blocked),
                Err(_) => return Err(Failure::Reset),
            }
        }
        Ok(Progress::Done)
    }

    /// Reads into `input`; `None` where nothing has come, 0 at the end.
    pub(super) fn read(&mut self, input: &mut [u8]) -> Result<Option<usize>, Failure> {
        loop {
            let Some(tls) = &mut self.tls else { return receive(&self.socket, input) };
            match tls.reader().read(input) {
                Ok(length) => return Ok(Some(length)),
                // Without the farewell of TLS: the length of the answer, or its lack, says whether it is whole.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(Some(0)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return Err(Failure::Reset),
            }
            if self.fill()?.is_none() {
                return Ok(None);
            }
        }
    }

    /// Whether a read after one that filled `length` of `room` bytes can yield more without the socket being ready.
    pub(super) fn may_hold_more(&self, length: usize, room: usize) -> bool {
        self.tls.is_some() || length == room
    }

    /// Takes in what TLS has received; `None` where nothing has come.
    fn fill(&mut self) -> Result<Option<()>, Failure> {
        let Some(tls) = &mut self.tls else { return Ok(None) };
        match tls.read_tls(&mut Receiving(&self.socket)) {
            Ok(0) if tls.is_handshaking() => return Err(if self.heard { Failure::Closed } else { Failure::NoTls }),
            Ok(length) => self.heard |= length > 0,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            // To a greeting in TLS, of all things.
            Err(_) if !self.heard => return Err(Failure::NoTls),
            Err(_) => return Err(Failure::Reset),
        }
        let processed = tls.process_new_packets();
        if let Err(error) = processed {
            // The alert that says why.
            let _ = self.flush();
            return Err(super::tls::failure(&error));
        }
        Ok(Some(()))
    }
}

/// The socket as TLS wants it.
struct Sending<'a>(&'a OwnedFd);

impl io::Write for Sending<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(send(self.0, bytes, SendFlags::NOSIGNAL)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Receiving<'a>(&'a OwnedFd);

impl io::Read for Receiving<'_> {
    fn read(&mut self, input: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::read(self.0, input)?)
    }
}

fn receive(socket: &OwnedFd, input: &mut [u8]) -> Result<Option<usize>, Failure> {
    loop {
        return match rustix::io::read(socket, &mut *input) {
            Ok(length) => Ok(Some(length)),
            Err(Errno::INTR) => continue,
            Err(Errno::AGAIN) => Ok(None),
            Err(_) => Err(Failure::Reset),
        };
    }
}
