//! Sockets as a Rust crate of the field uses them, which knows nothing of Faasm: `wasmedge_wasi_socket`, unchanged.
//!
//! Arguments: the ports of a TCP and of a UDP server on this host that echo what they get. Prints a line per check.
//!
//! Built with `wasmedge_wasi_socket` 0.5.5 and Rust 1.95 for `wasm32-wasip1`: `opt-level = "s"`, `panic = "abort"`, link
//! time optimisation, stripped, paths remapped.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use wasmedge_wasi_socket::{TcpStream, UdpSocket, nslookup};

fn main() {
    let ports: Vec<u16> = std::env::args().skip(1).map(|arg| arg.parse().unwrap()).collect();
    let mut stream = TcpStream::connect(("127.0.0.1", ports[0])).unwrap();
    stream.as_mut().set_recv_timeout(Some(Duration::from_secs(30))).unwrap();
    println!("timeout {:?}", stream.as_ref().get_recv_timeout().unwrap());
    println!("type {:?}", stream.as_ref().r#type().unwrap());
    println!("peer {}", stream.peer_addr().unwrap().port() == ports[0]);
    stream.write_all(b"over tcp").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut echoed = String::new();
    stream.read_to_string(&mut echoed).unwrap();
    println!("echo {echoed}");
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let server: SocketAddr = ([127, 0, 0, 1], ports[1]).into();
    socket.send_to(b"over udp", server).unwrap();
    let mut bytes = [0; 64];
    let (n, from) = socket.recv_from(&mut bytes).unwrap();
    // The crate keeps the address in a variable that is not mutable, and optimised code reads zeros from it.
    println!("echo {} {}", std::str::from_utf8(&bytes[..n]).unwrap(), from.port() == server.port());
    println!("names {:?}", nslookup("localhost", "80").unwrap());
    let refused = TcpStream::connect(("10.0.0.1", 80)).unwrap_err();
    println!("refused {:?}", refused.kind());
}
