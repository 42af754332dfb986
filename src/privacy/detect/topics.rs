//! What words say of the number or value beside them, in the languages most often met.

use std::sync::LazyLock;

/// What the words around a value say of it, as a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Topics(u16);

impl Topics {
    pub(super) const NONE: Self = Self(0);
    /// A telephone number.
    pub(super) const PHONE: Self = Self(1);
    /// A payment card.
    pub(super) const CARD: Self = Self(2);
    /// A number of another kind: an order, a time, a serial number.
    pub(super) const OTHER: Self = Self(4);
    /// A number that a state gave to a person.
    pub(super) const NATIONAL: Self = Self(8);
    /// A version or a chapter.
    pub(super) const VERSION: Self = Self(16);
    /// A document of identity.
    pub(super) const DOCUMENT: Self = Self(32);
    /// A code that opens something: a PIN, a one-time password.
    pub(super) const CODE: Self = Self(64);
    /// A password.
    pub(super) const PASSWORD: Self = Self(128);
    /// A number of the US Social Security Administration or tax office, most of which nothing checks.
    pub(super) const US_SOCIAL: Self = Self(256);
    /// An identifier of whatever.
    pub(super) const ID: Self = Self(512);
    /// A number that a state gave to a person, by a word that means something else as well.
    pub(super) const NATIONAL_IF_CHECKED: Self = Self(1024);
    /// A telephone number, by a word that means something else as often: only where the digits look like one.
    pub(super) const PHONE_IF_SHAPED: Self = Self(2048);

    pub(super) fn has(self, topic: Self) -> bool {
        self.0 & topic.0 != 0
    }

    pub(super) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(super) fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Words, and what they announce.
const WORDS: &[(&[&str], Topics)] = &[
    (
        &[
            "tel", "tél", "tlf", "tfno", "tlfn", "puh", "fax", "ph", "fone", "handy", "dial", "sms", "hotline",
            "appelez", "mob", "gsm", "msisdn", "rufen", "anrufen", "natel", "portable", "cel", "llama", "llame",
            "chiama", "ligue", "zadzwoń", "soita", "тел", "電話", "电话", "手机",
        ],
        Topics::PHONE,
    ),
    (&["call", "calls", "cell", "contact", "ring", "reach", "bel"], Topics::PHONE_IF_SHAPED),
    (
        &[
            "card",
            "cards",
            "cc",
            "visa",
            "mastercard",
            "amex",
            "credit",
            "debit",
            "karte",
            "kreditkarte",
            "carte",
            "tarjeta",
            "carta",
            "cartão",
            "karta",
            "kort",
            "kaart",
            "cardnumber",
        ],
        Topics::CARD,
    ),
    (&["id", "ids"], Topics::ID),
    (&["sin", "pan", "rut", "inn", "pps", "nif", "nie", "nir", "nip", "iin", "cc"], Topics::NATIONAL_IF_CHECKED),
    (
        &[
            "order",
            "orders",
            "tracking",
            "invoice",
            "ref",
            "reference",
            "transaction",
            "ticket",
            "sku",
            "serial",
            "isbn",
            "ean",
            "gtin",
            "upc",
            "issn",
            "timestamp",
            "ts",
            "time",
            "nanos",
            "ms",
            "seed",
            "part",
            "case",
            "model",
            "batch",
            "lot",
            "build",
            "bestellung",
            "rechnung",
            "auftrag",
            "commande",
            "pedido",
            "faktura",
            "account",
            "konto",
            "imei",
            "imsi",
            "vin",
            "tokens",
            "token",
            "offset",
            "size",
            "bytes",
            "port",
            "pid",
            "doi",
            "arxiv",
            "rfc",
            "parcel",
            "shipment",
            "sendung",
        ],
        Topics::OTHER,
    ),
    (
        &["ssn", "social", "itin", "tin", "taxpayer", "tax", "taxid", "socialsecuritynumber"],
        Topics(Topics::US_SOCIAL.0 | Topics::NATIONAL.0),
    ),
    (
        &[
            "nin",
            "nino",
            "nhs",
            "utr",
            "national",
            "sozialversicherungsnummer",
            "nationalid",
            "personnummer",
            "personnr",
            "samordningsnummer",
            "fødselsnummer",
            "fodselsnummer",
            "fnr",
            "cpr",
            "hetu",
            "henkilötunnus",
            "henkilotunnus",
            "steuer",
            "steuernummer",
            "idnr",
            "identifikationsnummer",
            "bsn",
            "burgerservicenummer",
            "sofinummer",
            "pesel",
            "aadhaar",
            "aadhar",
            "uidai",
            "cpf",
            "cnpj",
            "insee",
            "sécu",
            "secu",
            "sécurité",
            "dni",
            "nuss",
            "codice",
            "fiscale",
            "ahv",
            "avs",
            "oasi",
            "svnr",
            "tfn",
            "cuit",
            "cuil",
            "curp",
            "rrn",
            "oib",
            "egn",
            "егн",
            "cnp",
            "jmbg",
            "amka",
            "αμκα",
            "afm",
            "αφμ",
            "tckn",
            "kimlik",
            "rodné",
            "isikukood",
            "kennitala",
            "rg",
            "инн",
            "snils",
            "снилс",
            "ppsn",
            "nric",
            "hkid",
            "teudat",
            "rijksregisternummer",
            "niss",
            "insz",
            "contribuinte",
            "身份证",
            "住民登録",
            "주민등록번호",
        ],
        Topics::NATIONAL,
    ),
    (
        &[
            "v", "ver", "version", "release", "firmware", "chapter", "section", "clause", "kapitel", "chapitre", "oid",
            "kernel", "driver",
        ],
        Topics::VERSION,
    ),
    (
        &[
            "passport",
            "reisepass",
            "passeport",
            "pasaporte",
            "passaporto",
            "passaporte",
            "paszport",
            "ausweis",
            "personalausweis",
            "licence",
            "license",
            "führerschein",
            "rijbewijs",
            "identity",
            "identification",
            "idcard",
            "cni",
            "паспорт",
            "パスポート",
            "护照",
        ],
        Topics::DOCUMENT,
    ),
    (&["pin", "otp", "cvv", "cvc", "mfa", "passcode", "puk", "totp"], Topics::CODE),
    (
        &[
            "password",
            "passwd",
            "pwd",
            "passphrase",
            "passwort",
            "kennwort",
            "contraseña",
            "contrasena",
            "passe",
            "mdp",
            "senha",
            "wachtwoord",
            "hasło",
            "haslo",
            "lösenord",
            "adgangskode",
            "passord",
            "salasana",
            "heslo",
            "parola",
            "şifre",
            "пароль",
            "密码",
            "パスワード",
        ],
        Topics::PASSWORD,
    ),
];

/// Every word, for tests.
#[cfg(test)]
pub(super) fn listed() -> impl Iterator<Item = &'static str> {
    WORDS.iter().flat_map(|(words, _)| words.iter().copied())
}

/// How many places [`place`] knows.
const PLACES: usize = 4096;

/// A place in a table by a word's length, first and last byte.
fn place(word: &[u8]) -> usize {
    (word[0] as usize ^ (word[word.len() - 1] as usize) << 3 ^ word.len() << 7) % PLACES
}

/// The words at each place, of most of which there are none.
static BY_PLACE: LazyLock<Vec<Vec<(&'static [u8], Topics)>>> = LazyLock::new(|| {
    let mut places = vec![Vec::new(); PLACES];
    for (words, topics) in WORDS {
        for word in *words {
            places[place(word.as_bytes())].push((word.as_bytes(), *topics));
        }
    }
    places
});

/// What a lower-case word announces.
pub(super) fn topic_of(word: &[u8]) -> Topics {
    let listed = BY_PLACE[place(word)].iter().rfind(|(one, _)| *one == word);
    listed.map_or_else(|| by_stem(word), |(_, topics)| *topics)
}

/// What the beginning or the end of a longer word announces: `phonenumber`, `homephone`.
fn by_stem(word: &[u8]) -> Topics {
    const PHONE: [&str; 12] = [
        "phone",
        "telephone",
        "telefon",
        "teléfono",
        "téléphone",
        "telefoon",
        "mobil",
        "cellphone",
        "whatsapp",
        "celular",
        "puhelin",
        "móvil",
    ];
    const NATIONAL: [&str; 10] = [
        "socialsecurity",
        "nationalid",
        "nationalin",
        "personalid",
        "personnummer",
        "steueriden",
        "taxid",
        "identitäts",
        "sozialversicherung",
        "nationalnumber",
    ];
    let starts = |stems: &[&str]| stems.iter().any(|stem| word.starts_with(stem.as_bytes()));
    match word {
        [b'p', b'h' | b'u', ..]
        | [b't', b'e' | 0xc3, ..]
        | [b'm', b'o' | 0xc3, ..]
        | [b'c', b'e', ..]
        | [b'w', b'h', ..]
            if starts(&PHONE) =>
        {
            Topics::PHONE
        }
        [.., b'p', b'h', b'o', b'n', b'e'] | [.., b't', b'e', b'l', b'e', b'f', b'o', b'n'] => Topics::PHONE,
        [b's', b'o' | b't', ..] | [b'n' | b't', b'a', ..] | [b'p', b'e', ..] | [b'i', b'd', ..]
            if starts(&NATIONAL) =>
        {
            Topics::NATIONAL
        }
        [b'p', b'a', b's', b's', b'p', b'o', b'r', b't', ..] => Topics::DOCUMENT,
        _ => Topics::NONE,
    }
}
