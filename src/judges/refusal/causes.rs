//! The table from what an endpoint says to what mends it. The first row that fits decides, so that what is said in plain
//! words stands before what a status alone says. A row for a new wording needs its example in `examples.rs`.

use super::cause::{Cause, Part};
use super::conditions::{asks_for_more_than_the_limit, names_the_seed};
use super::row::{Facts, Row};

/// Statuses that refuse this request, and those under which gateways hand such a refusal on.
const REQUEST: &[(u16, u16)] = &[(400, 400), (404, 405), (409, 409), (412, 415), (422, 422), (424, 424), (500, 501)];

/// The row that decides, if any fits.
pub(super) fn deciding(facts: &Facts<'_>) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.fits(facts))
}

pub(super) const ROWS: &[Row] = &[
    // ---- A request that is larger than what the limit gives in all ------------------------------------------------
    Row::new("larger than the limit", Cause::TooLong).codes(&["tokens_limit_reached", "request_too_large"]).says(&[
        "request too large",
        "request body too large",
        "input or output tokens must be reduced",
        "reduce your message size",
    ]),
    Row::new("asks for more than the limit gives", Cause::TooLong)
        .on(&[(400, 400), (413, 413), (429, 429), (500, 500)])
        .says(&["tokens per", "(tpm)", "(tpd)", "token limit", "tokens limit"])
        .needs(asks_for_more_than_the_limit),
    // ---- What is given for a day, and not asked for before the next ---------------------------------------------------
    Row::new("an allowance of a day", Cause::Allowance).on(&[(429, 429), (500, 500)]).codes(&["3036"]),
    // ---- Quotas of hours and days, which come back by themselves ----------------------------------------------------
    Row::new("quota of a day or month", Cause::Quota)
        .on(&[(400, 400), (403, 403), (429, 429), (500, 503)])
        .codes(&["token_quota_exceeded", "token_quota_reached", "daily_limit_exceeded"])
        .says(&[
            "per day",
            "per-day",
            "perday",
            "(tpd)",
            "(rpd)",
            "userbymodelbyday",
            "byday",
            "per 86400s",
            "daily limit",
            "daily quota",
            "daily token",
            "daily request",
            "daily free",
            "per week",
            "weekly limit",
            "weekly usage",
            "hourly usage",
            "hourly limit",
            "usage limit, please upgrade",
            "per month",
            "monthly limit",
            "monthly quota",
            "monthly token",
            "call volume quota",
            "quota will be replenished",
            "quota will reset",
            "quota resets",
        ])
        .without(&["monthly spend", "spending limit", "credits"]),
    Row::new("free requests of a day", Cause::Quota).on(&[(403, 403), (429, 429)]).says(&[
        "free-models-per-day",
        "per-day",
        "(daily limit)",
    ]),
    Row::new("Gemini's minute", Cause::Throttled).codes(&["resource_exhausted"]).needs(|facts| facts.says_wait),
    // ---- Money -------------------------------------------------------------------------------------------------------
    Row::new("no credit", Cause::Credit)
        .codes(&[
            "insufficient_quota",
            "billing_hard_limit_reached",
            "billing_not_active",
            "billing_error",
            "budget_exceeded",
            "credit_limit",
            "blocked_api_access",
            "arrearage",
            "exceeded_current_quota_error",
            "insufficient_balance",
            "insufficient_credits",
            "payment_required",
            "spend_limit_exceeded",
        ])
        .says(&[
            "insufficient_quota",
            "exceeded your current quota",
            "credit balance is too low",
            "insufficient balance",
            "insufficient credit",
            "insufficient funds",
            "enough credit",
            "out of credit",
            "any credits",
            "no credits",
            "available credits",
            "more credits",
            "included credits",
            "credit limit",
            "credits exhausted",
            "balance is insufficient",
            "billing hard limit",
            "billing details",
            "check your billing",
            "account is not active",
            "payment required",
            "payment method",
            "not in good standing",
            "good standing",
            "余额不足",
            "欠费",
        ]),
    Row::new("a limit on spending", Cause::Credit).says(&[
        "usage limits",
        "spending limit",
        "spend limit",
        "monthly spend",
        "budget has been exceeded",
        "exceededbudget",
        "exceededtokenbudget",
        "over budget",
        "budget exceeded",
        "exceeded budget",
        "exceeded its budget",
        "max budget",
        "exceeded your budget",
        "key limit exceeded",
        "usage limit reached",
        "usage cap",
        "spending cap",
    ]),
    Row::new("payment required", Cause::Credit).on(&[(402, 402)]),
    // ---- What a filter stopped ---------------------------------------------------------------------------------------
    Row::new("filtered", Cause::Filtered)
        .on(&[(400, 400), (403, 403), (422, 422), (451, 451), (500, 500)])
        .codes(&[
            "content_filter",
            "content_policy_violation",
            "responsibleaipolicyviolation",
            "datainspectionfailed",
            "data_inspection_failed",
            "invalid_prompt",
            "prohibited_content",
            "contentfilter",
            "content_filtered",
        ])
        .says(&[
            "content management policy",
            "content filter",
            "content_filter",
            "contentpolicyviolation",
            "content policy",
            "usage policy",
            "flagged",
            "moderation",
            "safety system",
            "blocked by safety",
            "blocked due to safety",
            "safety settings",
            "prohibited content",
            "prohibited_content",
            "inappropriate content",
            "guardrail",
        ])
        .without(&["account", "organization has been"]),
    // ---- Limits of seconds and minutes -------------------------------------------------------------------------------
    Row::new("throttled", Cause::Throttled)
        .on(&[(400, 400), (403, 403), (409, 409), (424, 424), (429, 429), (498, 503), (529, 529)])
        .codes(&[
            "rate_limit_exceeded",
            "rate_limit_error",
            "rate_limited",
            "resource_exhausted",
            "throttlingexception",
            "request_limit_exceeded",
            "ratelimitreached",
            "too_many_requests",
            "toomanyrequests",
            "service_tier_capacity_exceeded",
        ])
        .says(&[
            "throttl",
            "too many requests",
            "rate limit",
            "rate-limit",
            "rate_limit",
            "ratelimit",
            "slow down",
            "resource exhausted",
            "resource has been exhausted",
            "please wait before trying again",
            "request limit reached",
            "request_limit_exceeded",
            "concurrency limit",
            "concurrent request",
            "requests per min",
            "requests per second",
            "tokens per min",
            "per minute",
            "capacity exceeded",
        ])
        .without(&["context length", "context window", "context_length"]),
    Row::new("told to come back", Cause::Throttled)
        .on(&[(400, 400), (403, 403), (429, 429), (500, 503)])
        .says(&["please wait", "try again in", "retry after", "retry in", "again later", "retry later"])
        .without(&["context length", "context window", "loading", "overloaded", "server error", "internal error"])
        .needs(|facts| facts.says_wait || facts.status == 429 || facts.words.contains("too many")),
    // ---- Key and account ---------------------------------------------------------------------------------------------
    Row::new("the key is refused", Cause::Key)
        .on(&[(400, 400), (401, 403), (407, 407), (412, 412), (500, 500)])
        .codes(&[
            "invalid_api_key",
            "api_key_invalid",
            "authentication_error",
            "auth_error",
            "expired_key",
            "token_expired",
            "unauthenticated",
            "invalid_authentication_error",
            "accessdeniedexception",
            "unrecognizedclientexception",
            "expiredtokenexception",
            "invalidsignatureexception",
            "permission_denied",
            "permission_error",
            "organization_restricted",
            "account_deactivated",
            "unsupported_country_region_territory",
            "accessdenied",
            "unauthorized",
            "missingauthenticationtoken",
        ])
        .says(&[
            "api key not valid",
            "invalid api key",
            "incorrect api key",
            "api key expired",
            "api key is invalid",
            "invalid x-api-key",
            "missing api key",
            "no api key",
            "no auth credentials",
            "no cookie auth credentials",
            "invalid authentication",
            "authentication error",
            "authenticationerror",
            "authentication failed",
            "invalid subscription key",
            "access token is missing",
            "token is expired",
            "expired key",
            "token has expired",
            "location is not supported",
            "country, region, or territory not supported",
            "organization has been",
            "account is suspended",
            "account has been",
            "account suspended",
            "access denied",
            "not allowed to access model",
            "don't have access to the model",
            "do not have access to the model",
            "not authorized",
            "unauthorized",
            "permission denied",
            "signature expired",
            "security token",
        ]),
    // ---- A generation that failed ------------------------------------------------------------------------------------
    Row::new("this generation failed the format", Cause::BadLuck)
        .on(REQUEST)
        .codes(&["json_validate_failed", "tool_use_failed", "output_parse_failed", "schema_validation_failed"])
        .says(&[
            "failed_generation",
            "failed to generate json",
            "failed to call a function",
            "json_validate_failed",
            "generated json does not match",
            "does not match the expected schema",
            "did not match schema",
            "model output is not valid json",
            "model produced invalid",
            "failed to validate json",
            "jsonschemavalidationerror",
            "could not parse the model",
        ]),
    // ---- Sizes ---------------------------------------------------------------------------------------------------------
    Row::new("the output limit is over the model's own", Cause::Loosen(Part::LimitSize))
        .on(&[(400, 400), (422, 422), (500, 500)])
        .says(&[
            "max_tokens is too large",
            "max_tokens: ",
            "max_completion_tokens is too large",
            "maximum allowed number of output tokens",
            "completion tokens, whereas you provided",
            "max_tokens must be less than or equal",
            "maximum output tokens",
            "max_tokens` must be less than or equal",
        ])
        .with(&["output tokens", "at most", "less than or equal", "maximum"])
        .without(&["context length", "context window", "context size", "extra inputs", "got -"]),
    Row::new("the prompt is too long", Cause::TooLong)
        .on(&[(400, 400), (404, 404), (413, 413), (422, 422), (424, 424), (429, 429), (500, 500)])
        .codes(&[
            "context_length_exceeded",
            "exceed_context_size_error",
            "string_above_max_length",
            "contextwindowexceedederror",
        ])
        .says(&[
            "maximum context length",
            "context length",
            "context window",
            "context size",
            "context_window",
            "contextwindow",
            "context limit",
            "prompt is too long",
            "prompt too long",
            "input is too long",
            "input too long",
            "too many tokens",
            "too many input tokens",
            "too large for model",
            "input token count",
            "input tokens exceed",
            "exceeds the maximum number of tokens",
            "maximum number of tokens",
            "maximum prompt length",
            "maximum model length",
            "max_model_len",
            "sequence length",
            "exceeds the token limit",
            "reduce the length",
            "max_new_tokens",
            "must have less than",
            "max_tokens must be at least 1",
            "range of input length",
            "payload too large",
            "max_tokens' must be at least",
            "max input length",
            "maximum input length",
        ])
        .without(&["per day", "please wait"]),
    Row::new("the body is too large", Cause::TooLong).on(&[(413, 413)]),
    // ---- Parts of the request that this endpoint does not take -------------------------------------------------------
    Row::new("no role system", Cause::Loosen(Part::SystemRole)).on(REQUEST).says(&[
        "system role not supported",
        "system role is not supported",
        "role 'system'",
        "role \"system\"",
        "'system' role",
        "role `system`",
        "does not support 'system'",
        "roles must alternate",
        "only user and assistant roles",
        "only user, assistant",
        "system message",
        "system messages",
        "system prompt",
        "developer instruction",
        "system instruction",
        "[0].role",
        "invalid role",
        "unexpected role",
        "unknown role",
        "must be a user message",
        "first message must be",
        "must start with a user",
    ]),
    Row::new("the output limit has another name", Cause::Loosen(Part::LimitName))
        .on(REQUEST)
        .says(&["max_completion_tokens", "max_tokens"]),
    Row::new("no temperature", Cause::Loosen(Part::Temperature)).on(REQUEST).says(&["temperature"]),
    Row::new("no seed", Cause::Loosen(Part::Seed)).on(REQUEST).says(&["seed"]).needs(names_the_seed),
    Row::new("no such format", Cause::Loosen(Part::Format)).on(REQUEST).says(&[
        "response_format",
        "response format",
        "responseformat",
        "response_schema",
        "responseschema",
        "json_schema",
        "json schema",
        "jsonschema",
        "json_object",
        "json mode",
        "additionalproperties",
        "generation_config",
        "generationconfig",
        "output_config",
        "output_format",
        "output format",
        "structured output",
        "structured_output",
        "guided",
        "grammar",
        "schema",
        "tool_choice",
        "tools",
        "tool use",
        "tool calling",
        "function calling",
        "maxlength",
        "xgrammar",
        "outlines",
        "support the requested parameters",
        "handle the requested parameters",
        "unsupportedparams",
        "does not support parameters",
    ]),
    // ---- Model and path ----------------------------------------------------------------------------------------------
    Row::new("the model is not known", Cause::Model)
        .on(&[(400, 400), (403, 405), (410, 410), (422, 422), (500, 503)])
        .codes(&[
            "model_not_found",
            "invalid_model",
            "model_decommissioned",
            "deploymentnotfound",
            "operationnotsupported",
            "model_not_available",
        ])
        .says(&[
            "model not found",
            "model_not_found",
            "not a valid model",
            "invalid model",
            "model not exist",
            "no such model",
            "unknown model",
            "is not found for api version",
            "decommissioned",
            "model identifier is invalid",
            "unsupported model",
            "not a chat model",
            "llm provider not provided",
            "on-demand throughput",
            "try pulling it first",
            "no endpoints found for",
            "model does not exist",
            "model is not available",
            "deployment for this resource does not exist",
            "operation does not work with the specified model",
        ]),
    Row::new("the named model does not exist", Cause::Model)
        .on(&[(400, 400), (404, 404), (422, 422)])
        .says(&["does not exist", "not found"])
        .with(&["model", "deployment"]),
    Row::new("nothing at this path", Cause::Model).on(&[(404, 405), (410, 410)]),
    Row::new("no model of this kind", Cause::Model).on(&[(501, 501)]).codes(&["not_supported_error"]),
    // ---- Outages -----------------------------------------------------------------------------------------------------
    Row::new("an outage in words", Cause::Outage)
        .on(&[(400, 400), (409, 409), (424, 424), (429, 429), (498, 999)])
        .codes(&[
            "overloaded_error",
            "api_error",
            "server_error",
            "unavailable_error",
            "modelnotreadyexception",
            "modelerrorexception",
            "overloaded",
        ])
        .says(&[
            "overloaded",
            "loading model",
            "currently loading",
            "model is loading",
            "server busy",
            "temporarily unavailable",
            "service unavailable",
            "serviceunavailable",
            "internal server error",
            "internalservererror",
            "upstream",
            "cannot connect to host",
            "connection error",
            "apiconnectionerror",
            "provider returned error",
            "provider disconnected",
            "try again later",
        ]),
    // ---- What only the status tells ----------------------------------------------------------------------------------
    Row::new("status: throttled", Cause::Throttled).on(&[(429, 429)]),
    Row::new("status: key", Cause::Key).on(&[(401, 401), (403, 403), (407, 407)]),
    Row::new("status: outage", Cause::Outage).on(&[(408, 409), (424, 425), (498, 599)]),
    Row::new("status: redirect", Cause::Redirected).on(&[(300, 399)]),
];
