//! What a local socket or an ordered message may hold.

use holdfast_api::frame::{FrameReader, decode, encode};
use holdfast_api::{ClientFrame, Hello, ServerFrame};
use holdfast_core::message::Envelope;
use holdfast_node::groups::wire::{Between, MAX_FRAME, ToNode, ToProgram, frame_length};

/// Frames of process groups, both ways, and what nodes tell each other about groups.
pub fn groups(bytes: &[u8]) {
    if let Ok(Some(length)) = frame_length(bytes) {
        assert!(length <= MAX_FRAME, "a length that no frame may have");
    }
    if let Ok(frame) = ToNode::decode(bytes) {
        let mut out = Vec::new();
        frame.encode(&mut out);
        assert_eq!(ToNode::decode(&out), Ok(frame));
    }
    if let Ok(frame) = ToProgram::decode(bytes) {
        let mut out = Vec::new();
        frame.encode(&mut out);
        assert_eq!(ToProgram::decode(&out), Ok(frame));
    }
    if let Ok(between) = Between::decode(bytes) {
        let mut out = Vec::new();
        between.encode(&mut out);
        assert_eq!(Between::decode(&out), Ok(between));
    }
}

/// Frames of the local socket: requests of clients and what the daemon answers.
pub fn api(bytes: &[u8]) {
    let mut reader = FrameReader::new();
    reader.push(bytes);
    while let Ok(Some(body)) = reader.next_body() {
        frame(&body);
    }
    frame(bytes);
}

fn frame(body: &[u8]) {
    let _ = decode::<Hello>(body);
    // A number may be written in more than one way, so it is the second writing that has to stay.
    if let Ok(value) = decode::<ClientFrame>(body) {
        let once = encode(&value).expect("what was read can be written");
        let again = decode::<ClientFrame>(&once[4..]).expect("what was written can be read");
        assert_eq!(encode(&again).ok(), Some(once));
    }
    if let Ok(value) = decode::<ServerFrame>(body) {
        let once = encode(&value).expect("what was read can be written");
        let again = decode::<ServerFrame>(&once[4..]).expect("what was written can be read");
        assert_eq!(encode(&again).ok(), Some(once));
    }
}

/// An ordered message between the cores of nodes.
pub fn cluster_message(bytes: &[u8]) {
    if let Ok(envelope) = Envelope::decode(bytes) {
        let once = envelope.encode();
        let again = Envelope::decode(&once).expect("what was written can be read");
        assert_eq!(again.encode(), once);
    }
}
