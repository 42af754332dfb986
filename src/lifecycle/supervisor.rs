//! What judged tells the program that started it, where that listens: systemd, for a unit of `Type=notify`.

use std::ffi::OsStr;
use std::io;
use std::os::unix::net::{SocketAddr, UnixDatagram};
#[cfg(target_os = "linux")]
use std::os::{linux::net::SocketAddrExt as _, unix::ffi::OsStrExt as _};

/// What is told, in the words of `sd_notify(3)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Everything is bound, checked and started.
    Ready,
    /// Work in hand is finished, nothing more is begun.
    Stopping,
}

/// Tells it, where somebody listens. Nothing depends on its being heard.
pub fn tell(progress: Progress) {
    let Some(socket) = std::env::var_os("NOTIFY_SOCKET") else { return };
    if let Err(error) = send(&socket, progress) {
        tracing::warn!(%error, "the program that started judged cannot be told how far it is (NOTIFY_SOCKET)");
    }
}

fn send(socket: &OsStr, progress: Progress) -> io::Result<()> {
    let words: &[u8] = match progress {
        Progress::Ready => b"READY=1",
        Progress::Stopping => b"STOPPING=1",
    };
    UnixDatagram::unbound()?.send_to_addr(words, &address(socket)?).map(drop)
}

fn address(socket: &OsStr) -> io::Result<SocketAddr> {
    // A name without a file.
    #[cfg(target_os = "linux")]
    if let Some(name) = socket.as_bytes().strip_prefix(b"@") {
        return SocketAddr::from_abstract_name(name);
    }
    SocketAddr::from_pathname(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_supervisor_hears_it_under_a_path_and_under_a_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let name = format!("judged-test-{}", uuid::Uuid::now_v7().simple());
        let by_path = UnixDatagram::bind(&path).unwrap();
        let by_name = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        let abstract_name = std::ffi::OsString::from(format!("@{name}"));
        for (listener, socket) in [(by_path, path.as_os_str()), (by_name, abstract_name.as_os_str())] {
            for (progress, words) in [(Progress::Ready, "READY=1"), (Progress::Stopping, "STOPPING=1")] {
                send(socket, progress).unwrap();
                let mut heard = [0; 20];
                let length = listener.recv(&mut heard).unwrap();
                assert_eq!(heard[..length], *words.as_bytes());
            }
        }
    }
}
