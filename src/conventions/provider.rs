//! Provider names in OpenTelemetry's spelling.

/// The OpenTelemetry name of a provider that a producer spelled its own way; unknown names stay as they are.
pub(crate) fn provider(name: &str) -> String {
    let lower = name.trim().to_ascii_lowercase();
    let known = match lower.as_str() {
        // `openai.chat` and `openai.responses` of the Vercel AI SDK name the API after the provider.
        "openai.chat" | "openai.responses" | "openai.completion" | "openai.embedding" | "openai_chat" | "openai" => {
            "openai"
        }
        "anthropic.messages" | "anthropic" | "claude" => "anthropic",
        "azure"
        | "azure.chat"
        | "azure.responses"
        | "azure_openai"
        | "azureopenai"
        | "az.ai.openai"
        | "azure-openai.chat"
        | "azure-openai.responses"
        | "azure.ai.openai" => "azure.ai.openai",
        "az.ai.inference" | "azure_ai_inference" | "azure.ai.inference" => "azure.ai.inference",
        "aws_bedrock" | "bedrock" | "aws" | "amazon-bedrock" | "amazon_bedrock" | "bedrock_converse"
        | "aws.bedrock" => "aws.bedrock",
        "vertex_ai"
        | "vertexai"
        | "google_vertexai"
        | "google.vertex.chat"
        | "google_anthropic_vertex"
        | "gcp.vertex_ai" => "gcp.vertex_ai",
        "gemini" | "google.generative-ai" | "googleai" | "gcp.gemini" => "gcp.gemini",
        "google" | "google_genai" | "google-genai" | "gcp.gen_ai" => "gcp.gen_ai",
        "cohere" | "cohere.chat" => "cohere",
        "mistral" | "mistralai" | "mistral.chat" | "mistral_ai" => "mistral_ai",
        "xai" | "xai.chat" | "xai.responses" | "x_ai" => "x_ai",
        "groq" | "groq.chat" => "groq",
        "deepseek" | "deepseek.chat" => "deepseek",
        "perplexity" | "perplexity.chat" => "perplexity",
        "watsonx" | "ibm" | "ibm.watsonx.ai" => "ibm.watsonx.ai",
        "moonshot" | "moonshotai" | "moonshot_ai" => "moonshot_ai",
        _ => return name.trim().to_owned(),
    };
    known.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_provider_is_one_provider() {
        for name in ["OpenAI", "openai.chat", "openai.responses", "openai"] {
            assert_eq!(provider(name), "openai");
        }
        assert_eq!(provider("xai"), "x_ai");
        assert_eq!(provider("vertex_ai"), "gcp.vertex_ai");
        assert_eq!(provider("My Gateway"), "My Gateway");
    }
}
