//! What removes personal data and secrets.

use crate::otlp::wire;
use crate::privacy::Redactor;

/// Removes personal data and secrets from a record before anything is stored.
pub trait Redact: Send + Sync {
    /// Redacts a span in place.
    fn redact_span(&self, span: &mut wire::Span);
    /// Redacts a log record in place.
    fn redact_log_record(&self, record: &mut wire::LogRecord);
    /// Redacts what a resource says of itself, in place.
    fn redact_resource(&self, resource: &mut wire::Resource);
    /// Redacts what a scope says of itself.
    fn redact_scope(&self, scope: &mut wire::InstrumentationScope);
}

impl Redact for Redactor {
    fn redact_span(&self, span: &mut wire::Span) {
        Self::redact_span(self, span);
    }

    fn redact_log_record(&self, record: &mut wire::LogRecord) {
        Self::redact_log_record(self, record);
    }

    fn redact_resource(&self, resource: &mut wire::Resource) {
        Self::redact_resource(self, resource);
    }

    fn redact_scope(&self, scope: &mut wire::InstrumentationScope) {
        Self::redact_scope(self, scope);
    }
}
