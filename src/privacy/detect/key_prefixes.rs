//! Keys and tokens known by the prefix that their issuer gives them. They hold a digit, so that the digit is where the
//! scan finds them.

/// A prefix, what may follow, and how much of it at least.
struct Prefix {
    text: &'static str,
    tail: Tail,
    least: usize,
}

/// What a key is made of behind its prefix.
#[derive(Clone, Copy)]
enum Tail {
    Alphanumeric,
    Hex,
    /// Letters, digits, `_` and `-`.
    Url,
    /// The same with dots.
    Dotted,
}

const fn prefix(text: &'static str, tail: Tail, least: usize) -> Prefix {
    Prefix { text, tail, least }
}

/// In the order of their first letters.
const PREFIXES: &[Prefix] = &[
    prefix("AGE-SECRET-KEY-1", Tail::Alphanumeric, 40),
    prefix("AIza", Tail::Url, 30),
    prefix("AKCp", Tail::Alphanumeric, 20),
    prefix("ABIA", Tail::Alphanumeric, 16),
    prefix("ACCA", Tail::Alphanumeric, 16),
    prefix("AKIA", Tail::Alphanumeric, 16),
    prefix("ASIA", Tail::Alphanumeric, 16),
    prefix("ATATT3", Tail::Url, 30),
    prefix("ATBB", Tail::Alphanumeric, 28),
    prefix("ABSK", Tail::Alphanumeric, 40),
    prefix("CFPAT-", Tail::Url, 30),
    prefix("CLOJARS_", Tail::Alphanumeric, 40),
    prefix("EAAC", Tail::Alphanumeric, 40),
    prefix("EAAA", Tail::Url, 40),
    prefix("GOCSPX-", Tail::Url, 16),
    prefix("LTAI", Tail::Alphanumeric, 12),
    prefix("NRAK-", Tail::Alphanumeric, 20),
    prefix("PMAK-", Tail::Url, 40),
    prefix("SG.", Tail::Dotted, 33),
    prefix("SK", Tail::Hex, 32),
    prefix("AC", Tail::Hex, 32),
    prefix("api_org_", Tail::Alphanumeric, 30),
    prefix("cio", Tail::Alphanumeric, 32),
    prefix("dapi", Tail::Hex, 32),
    prefix("dckr_pat_", Tail::Url, 20),
    prefix("doo_v1_", Tail::Hex, 40),
    prefix("dop_v1_", Tail::Hex, 40),
    prefix("dor_v1_", Tail::Hex, 40),
    prefix("dp.pt.", Tail::Alphanumeric, 30),
    prefix("dp.st.", Tail::Dotted, 30),
    prefix("e2b_", Tail::Alphanumeric, 30),
    prefix("fc-", Tail::Hex, 32),
    prefix("figd_", Tail::Url, 30),
    prefix("fm2_", Tail::Url, 40),
    prefix("gho_", Tail::Alphanumeric, 30),
    prefix("ghp_", Tail::Alphanumeric, 30),
    prefix("ghr_", Tail::Alphanumeric, 30),
    prefix("ghs_", Tail::Alphanumeric, 30),
    prefix("ghu_", Tail::Alphanumeric, 30),
    prefix("github_pat_", Tail::Url, 40),
    prefix("glc_", Tail::Url, 30),
    prefix("gldt-", Tail::Dotted, 20),
    prefix("gloas-", Tail::Dotted, 20),
    prefix("glpat-", Tail::Dotted, 20),
    prefix("glptt-", Tail::Dotted, 20),
    prefix("glrt-", Tail::Dotted, 20),
    prefix("glsa_", Tail::Url, 30),
    prefix("glsoat-", Tail::Dotted, 20),
    prefix("gsk_", Tail::Alphanumeric, 40),
    prefix("hf_", Tail::Alphanumeric, 30),
    prefix("hvb.", Tail::Url, 24),
    prefix("hvr.", Tail::Url, 24),
    prefix("hvs.", Tail::Url, 24),
    prefix("key-", Tail::Hex, 32),
    prefix("lin_api_", Tail::Alphanumeric, 30),
    prefix("lsv2_pt_", Tail::Url, 30),
    prefix("lsv2_sk_", Tail::Url, 30),
    prefix("npm_", Tail::Alphanumeric, 34),
    prefix("ntn_", Tail::Alphanumeric, 40),
    prefix("oy2", Tail::Alphanumeric, 40),
    prefix("pcsk_", Tail::Url, 40),
    prefix("pplx-", Tail::Alphanumeric, 40),
    prefix("pscale_oauth_", Tail::Url, 30),
    prefix("pscale_pw_", Tail::Url, 30),
    prefix("pscale_tkn_", Tail::Url, 30),
    prefix("pypi-", Tail::Url, 50),
    prefix("r8_", Tail::Alphanumeric, 30),
    prefix("rk_live_", Tail::Alphanumeric, 16),
    prefix("rk_test_", Tail::Alphanumeric, 16),
    prefix("rubygems_", Tail::Hex, 40),
    prefix("sbp_", Tail::Hex, 30),
    prefix("secret_", Tail::Alphanumeric, 40),
    prefix("sess-", Tail::Alphanumeric, 30),
    prefix("shpat_", Tail::Hex, 32),
    prefix("shpca_", Tail::Hex, 32),
    prefix("shppa_", Tail::Hex, 32),
    prefix("shpss_", Tail::Hex, 32),
    prefix("sk-", Tail::Url, 20),
    prefix("sk_live_", Tail::Alphanumeric, 16),
    prefix("sk_test_", Tail::Alphanumeric, 16),
    prefix("sl.", Tail::Url, 60),
    prefix("sntrys_", Tail::Url, 40),
    prefix("sntryu_", Tail::Url, 40),
    prefix("sq0atp-", Tail::Url, 20),
    prefix("sq0csp-", Tail::Url, 20),
    prefix("sqa_", Tail::Hex, 40),
    prefix("sqp_", Tail::Hex, 40),
    prefix("squ_", Tail::Hex, 40),
    prefix("tfp_", Tail::Url, 40),
    prefix("tvly-", Tail::Url, 20),
    prefix("whsec_", Tail::Url, 20),
    prefix("xai-", Tail::Alphanumeric, 40),
    prefix("xapp-", Tail::Url, 20),
    prefix("xoxa-", Tail::Url, 10),
    prefix("xoxb-", Tail::Url, 10),
    prefix("xoxe-", Tail::Url, 10),
    prefix("xoxe.", Tail::Dotted, 10),
    prefix("xoxp-", Tail::Url, 10),
    prefix("xoxr-", Tail::Url, 10),
    prefix("xoxs-", Tail::Url, 10),
    prefix("ya29.", Tail::Url, 20),
];

/// By the first two letters: whether any prefix begins so.
static BEGINS: [[bool; 128]; 128] = {
    let mut begins = [[false; 128]; 128];
    let mut index = 0;
    while index < PREFIXES.len() {
        let bytes = PREFIXES[index].text.as_bytes();
        begins[bytes[0] as usize][bytes[1] as usize] = true;
        index += 1;
    }
    begins
};

/// Whether `word` is a key that its prefix betrays, or two parts of a JWT, or three of a bot's token.
pub(super) fn is_key(word: &str) -> bool {
    let bytes = word.as_bytes();
    let (Some(first), Some(second)) = (bytes.first(), bytes.get(1)) else { return false };
    if !first.is_ascii() || !second.is_ascii() || bytes.len() < 16 {
        return false;
    }
    if BEGINS[usize::from(*first)][usize::from(*second)] && PREFIXES.iter().any(|prefix| prefix.fits(word)) {
        return true;
    }
    is_jwt(word) || is_azure_secret(word) || is_discord_token(word) || is_terraform_token(word)
}

impl Prefix {
    fn fits(&self, word: &str) -> bool {
        let Some(tail) = word.strip_prefix(self.text) else { return false };
        let has = |byte: u8| match self.tail {
            Tail::Alphanumeric => byte.is_ascii_alphanumeric(),
            Tail::Hex => byte.is_ascii_hexdigit(),
            Tail::Url => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'),
            Tail::Dotted => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'),
        };
        tail.len() >= self.least && tail.bytes().take(self.least).all(has)
    }
}

/// `eyJ….….…`: JSON Web Tokens, whose signature may be missing.
fn is_jwt(word: &str) -> bool {
    word.starts_with("eyJ") && word.split('.').take(2).filter(|part| part.len() >= 8).count() == 2
}

/// Client secrets of Entra ID: three characters, a digit, `Q~`; the `~` ends a word, so that `word` is what stands before.
fn is_azure_secret(word: &str) -> bool {
    word.len() >= 5 && word.as_bytes().get(3).is_some_and(u8::is_ascii_digit) && word.get(4..6) == Some("Q~")
}

fn is_discord_token(word: &str) -> bool {
    let mut parts = word.split('.');
    let lengths = [parts.next(), parts.next(), parts.next()].map(|part| part.map_or(0, str::len));
    parts.next().is_none() && matches!(lengths, [24..=28, 6, 27..=40]) && word.starts_with(['M', 'N', 'O'])
}

fn is_terraform_token(word: &str) -> bool {
    word.get(14..23) == Some(".atlasv1.") && word.len() >= 83
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_known_by_their_prefix_and_length() {
        assert!(is_key("ghp_1234567890abcdefghijABCDEFGHIJ123456"));
        assert!(is_key("sk-proj-abcdEFGH1234ijklMNOP5678"));
        assert!(is_key("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3"));
        assert!(!is_key("sk-learn-1234"));
        assert!(!is_key("skyscraper-number-1234567890"));
    }
}
