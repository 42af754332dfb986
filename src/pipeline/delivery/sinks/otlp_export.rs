//! The answer to an OTLP export, whatever the transport.

/// What became of one export request.
#[derive(Debug)]
pub(super) enum Export {
    /// All of it was taken.
    Accepted,
    /// Only a part of it was.
    PartlyRejected { rejected: i64, message: String },
    /// This signal is not taken here at all.
    NoSuchSignal { status: String, message: String },
}

/// A partial success without rejections is a success with a warning.
pub(super) fn partly(rejected: i64, message: String) -> Export {
    if rejected > 0 {
        return Export::PartlyRejected { rejected, message };
    }
    if !message.is_empty() {
        tracing::debug!(message, "an OTLP receiver accepted scores with a remark");
    }
    Export::Accepted
}
