//! Refusals that time or a person mends, and those that nothing mends.

use super::super::cause::Cause;
use super::Example;

pub(super) const EXAMPLES: &[Example] = &[
    // ---- larger than the limit
    (
        429,
        r#"{"error":{"message":"Request too large for m-1 in organization org_x on tokens per min (TPM): Limit 30000, Requested 45000. The input or output tokens must be reduced in order to run successfully.","type":"tokens","code":"rate_limit_exceeded"}}"#,
        "larger than the limit",
        Cause::TooLong,
    ),
    (
        413,
        r#"{"error":{"message":"Request too large for model `x` in organization `o` service tier `on_demand` on tokens per minute (TPM): Limit 6000, Requested 12000, please reduce your message size and try again.","type":"tokens","code":"rate_limit_exceeded"}}"#,
        "larger than the limit",
        Cause::TooLong,
    ),
    (
        413,
        r#"{"error":{"code":"tokens_limit_reached","message":"Request body too large for gpt-4o model. Max size: 8000 tokens.","details":"Request body too large for gpt-4o model. Max size: 8000 tokens."}}"#,
        "larger than the limit",
        Cause::TooLong,
    ),
    (
        413,
        r#"{"type":"error","error":{"type":"request_too_large","message":"Request exceeds the maximum size"}}"#,
        "larger than the limit",
        Cause::TooLong,
    ),
    (
        429,
        r#"{"error":{"message":"Rate limit reached for m on tokens per min (TPM): Limit 30000, Used 0, Requested 45000.","type":"tokens","code":"rate_limit_exceeded"}}"#,
        "asks for more than the limit gives",
        Cause::TooLong,
    ),
    // ---- quotas
    (
        429,
        r#"{"message":"Too many tokens per day, please wait before trying again."}"#,
        "quota of a day or month",
        Cause::Quota,
    ),
    (
        429,
        r#"{"error":{"message":"Rate limit reached for model `m-1` in organization `org_x` on tokens per day (TPD): Limit 100000, Used 99800, Requested 900. Please try again in 7m0s.","type":"tokens","code":"rate_limit_exceeded"}}"#,
        "quota of a day or month",
        Cause::Quota,
    ),
    (
        429,
        r#"{"error":{"message":"Rate limit reached for gpt-4o in organization org_x on requests per day (RPD): Limit 200, Used 200, Requested 1. Please try again in 7m12s.","type":"requests","code":"rate_limit_exceeded"}}"#,
        "quota of a day or month",
        Cause::Quota,
    ),
    (
        429,
        r#"[{"error":{"code":429,"message":"You exceeded your current quota, please check your plan and billing details.","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaMetric":"generativelanguage.googleapis.com/generate_content_free_tier_requests","quotaId":"GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]},{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"20s"}]}}]"#,
        "quota of a day or month",
        Cause::Quota,
    ),
    (
        429,
        r#"{"error":{"code":"RateLimitReached","message":"Rate limit of 150 per 86400s exceeded for UserByModelByDay. Please wait 40321 seconds before retrying."}}"#,
        "quota of a day or month",
        Cause::Quota,
    ),
    (
        429,
        r#"{"message":"Tokens per day limit exceeded - too many tokens processed.","type":"too_many_tokens_error","param":"quota","code":"token_quota_exceeded"}"#,
        "quota of a day or month",
        Cause::Quota,
    ),
    (
        403,
        r#"{"statusCode":403,"message":"Out of call volume quota. Quota will be replenished in 18:23:12."}"#,
        "quota of a day or month",
        Cause::Quota,
    ),
    (
        403,
        r#"{"errors":[{"code":"token_quota_reached","message":"The request was rejected: The monthly token quota is reached"}]}"#,
        "quota of a day or month",
        Cause::Quota,
    ),
    (
        429,
        r#"{"success":false,"errors":[{"code":4006,"message":"AiError: you have used up your daily free allocation of 10,000 neurons"}]}"#,
        "quota of a day or month",
        Cause::Quota,
    ),
    (
        429,
        r#"{"error":"you've reached your hourly usage limit, please upgrade to continue"}"#,
        "quota of a day or month",
        Cause::Quota,
    ),
    (
        429,
        r#"{"error":{"message":"Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000 free model requests per day","code":429,"metadata":{"headers":{"X-RateLimit-Limit":"50","X-RateLimit-Remaining":"0","X-RateLimit-Reset":"1795867260000"}}}}"#,
        "free requests of a day",
        Cause::Quota,
    ),
    (
        429,
        r#"[{"error":{"code":429,"message":"You exceeded your current quota, please check your plan and billing details. Please retry in 20s.","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaId":"GenerateRequestsPerMinutePerProjectPerModel-FreeTier"}]},{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"20s"}]}}]"#,
        "Gemini's minute",
        Cause::Throttled,
    ),
    // ---- money
    (
        429,
        r#"{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","code":"insufficient_quota"}}"#,
        "no credit",
        Cause::Credit,
    ),
    (
        400,
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the API"}}"#,
        "no credit",
        Cause::Credit,
    ),
    (402, r#"{"error":{"message":"Insufficient Balance"}}"#, "no credit", Cause::Credit),
    (
        402,
        r#"{"error":{"message":"This request requires more credits, or fewer max_tokens. You requested up to 1024 tokens, but can only afford 300","code":402}}"#,
        "no credit",
        Cause::Credit,
    ),
    (
        400,
        r#"{"error":{"message":"Billing hard limit has been reached","type":"invalid_request_error","code":"billing_hard_limit_reached"}}"#,
        "no credit",
        Cause::Credit,
    ),
    (
        402,
        r#"{"error":"You have exceeded your monthly included credits for Inference Providers. Subscribe to PRO"}"#,
        "no credit",
        Cause::Credit,
    ),
    (
        400,
        r#"{"code":"Arrearage","message":"Access denied, please make sure your account is in good standing."}"#,
        "no credit",
        Cause::Credit,
    ),
    (
        403,
        r#"{"code":"The caller does not have permission","error":"Your team has either used all available credits or reached its monthly spending limit."}"#,
        "no credit",
        Cause::Credit,
    ),
    (
        400,
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC."}}"#,
        "a limit on spending",
        Cause::Credit,
    ),
    (
        400,
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"You have reached your specified workspace API usage limits. You will regain access on 2026-12-01 at 00:00 UTC."}}"#,
        "a limit on spending",
        Cause::Credit,
    ),
    (
        400,
        r#"{"error":{"message":"ExceededBudget: User=u over budget. Spend=12.1, Budget=10.0","type":"auth_error","param":"None","code":"400"}}"#,
        "a limit on spending",
        Cause::Credit,
    ),
    (
        412,
        r#"{"error":{"message":"Account x is suspended, possibly due to reaching the monthly spending limit or failure to pay past invoices"}}"#,
        "a limit on spending",
        Cause::Credit,
    ),
    (
        403,
        r#"{"error":{"message":"Key limit exceeded. Manage it using the settings","code":403}}"#,
        "a limit on spending",
        Cause::Credit,
    ),
    (402, "", "payment required", Cause::Credit),
    // ---- filters
    (
        400,
        r#"{"error":{"message":"The response was filtered due to the prompt triggering Azure OpenAI's content management policy","code":"content_filter","innererror":{"code":"ResponsibleAIPolicyViolation"}}}"#,
        "filtered",
        Cause::Filtered,
    ),
    (
        403,
        r#"{"error":{"code":403,"message":"Input was flagged by moderation","metadata":{"reasons":["violence"],"flagged_input":"x"}}}"#,
        "filtered",
        Cause::Filtered,
    ),
    (
        400,
        r#"{"error":{"message":"Invalid prompt: your prompt was flagged as potentially violating our usage policy.","code":"invalid_prompt"}}"#,
        "filtered",
        Cause::Filtered,
    ),
    (
        400,
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"Output blocked by content filtering policy"}}"#,
        "filtered",
        Cause::Filtered,
    ),
    (
        400,
        r#"{"code":"DataInspectionFailed","message":"Input data may contain inappropriate content."}"#,
        "filtered",
        Cause::Filtered,
    ),
    // ---- throttled
    (
        429,
        r#"{"error":{"message":"Rate limit reached","type":"requests","code":"rate_limit_exceeded"}}"#,
        "throttled",
        Cause::Throttled,
    ),
    (
        500,
        r#"{"detail":"An error occurred (ThrottlingException) when calling the Converse operation: Too many tokens, please wait before trying again."}"#,
        "throttled",
        Cause::Throttled,
    ),
    (400, r#"{"message":"Too many tokens, please wait before trying again."}"#, "throttled", Cause::Throttled),
    (
        429,
        r#"{"object":"error","message":"Requests rate limit exceeded","type":"rate_limited","param":null,"code":"1300"}"#,
        "throttled",
        Cause::Throttled,
    ),
    (
        429,
        r#"{"message":"Service tier capacity exceeded for this model.","type":"service_tier_capacity_exceeded","code":"3505"}"#,
        "throttled",
        Cause::Throttled,
    ),
    (
        429,
        r#"{"error":{"code":"429","message":"Requests to the ChatCompletions_Create Operation have exceeded token rate limit of your current OpenAI S0 pricing tier. Please retry after 20 seconds."}}"#,
        "throttled",
        Cause::Throttled,
    ),
    (
        429,
        r#"{"error":{"code":429,"message":"Quota exceeded for aiplatform.googleapis.com/generate_content_requests_per_minute_per_project_per_base_model with base model: m.","status":"RESOURCE_EXHAUSTED"}}"#,
        "throttled",
        Cause::Throttled,
    ),
    (
        429,
        r#"{"type":"error","error":{"type":"rate_limit_error","message":"This request would exceed your organization's rate limit of 40,000 input tokens per minute"}}"#,
        "throttled",
        Cause::Throttled,
    ),
    (
        429,
        r#"{"error":{"message":"Rate limit exceeded: free-models-per-min.","code":429}}"#,
        "throttled",
        Cause::Throttled,
    ),
    (
        500,
        r#"{"error":{"message":"litellm.RateLimitError: RateLimitError: OpenAIException - x","type":"throttling_error","code":"500"}}"#,
        "throttled",
        Cause::Throttled,
    ),
    (
        429,
        r#"{"error":{"message":"No deployments available for selected model, Try again in 60 seconds. Passed model=m","type":"None","code":"429"}}"#,
        "told to come back",
        Cause::Throttled,
    ),
    // ---- keys and accounts
    (
        401,
        r#"{"error":{"message":"Incorrect API key provided: sk-abc","type":"invalid_request_error","code":"invalid_api_key"}}"#,
        "the key is refused",
        Cause::Key,
    ),
    (
        401,
        r#"{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}"#,
        "the key is refused",
        Cause::Key,
    ),
    (
        400,
        r#"[{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT"}}]"#,
        "the key is refused",
        Cause::Key,
    ),
    (
        400,
        r#"{"error":{"code":400,"message":"User location is not supported for the API use.","status":"FAILED_PRECONDITION"}}"#,
        "the key is refused",
        Cause::Key,
    ),
    (
        400,
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"This organization has been disabled."}}"#,
        "the key is refused",
        Cause::Key,
    ),
    (
        400,
        r#"{"error":{"message":"Authentication Error - Expired Key. Key Expiry time x","type":"expired_key","code":"400"}}"#,
        "the key is refused",
        Cause::Key,
    ),
    (
        403,
        r#"{"message":"You don't have access to the model with the specified model ID."}"#,
        "the key is refused",
        Cause::Key,
    ),
    (
        403,
        r#"{"error":{"message":"Country not supported","code":"unsupported_country_region_territory"}}"#,
        "the key is refused",
        Cause::Key,
    ),
    (
        401,
        r#"{"statusCode":401,"message":"Unauthorized. Access token is missing, invalid, audience is incorrect, or have expired."}"#,
        "the key is refused",
        Cause::Key,
    ),
];
