//! What a refusal calls for.

/// An optional part of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::judges) enum Part {
    /// How the reply's format is enforced.
    Format,
    /// The name of the output limit.
    LimitName,
    /// The size of the output limit.
    LimitSize,
    Temperature,
    Seed,
    /// The message with the role `system`.
    SystemRole,
}

/// Why an endpoint refused, by what mends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::judges) enum Cause {
    /// Seconds or minutes mend it: too many requests or tokens at present.
    Throttled,
    /// Hours or days mend it: the quota of a day, week or month is used up.
    Quota,
    /// The next day mends it, and nothing before: what is given for a day is used up.
    Allowance,
    /// A person mends it, or the next month: no credit, or a limit on spending is reached.
    Credit,
    /// A person mends it: the key, the account or its rights.
    Key,
    /// A person mends it: the model's name or the path.
    Model,
    /// Time mends it: an outage, an overload, a model that is being loaded.
    Outage,
    /// Asking again mends it: what the model generated this time did not fit the format.
    BadLuck,
    /// A request without this part mends it.
    Loosen(Part),
    /// A shorter request mends it.
    TooLong,
    /// Nothing mends it: a filter of content stopped it.
    Filtered,
    /// A redirect, which is not followed.
    Redirected,
    /// It says nothing that is known.
    Unknown,
}
