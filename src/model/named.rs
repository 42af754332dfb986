//! Enums whose variants have one name each, written once: the store, files, JSON and output all read that list.

/// An enum made by [`named_enum!`].
pub trait Named: Copy + 'static {
    /// Every variant, in order of declaration.
    const ALL: &'static [Self];

    /// The names of [`Named::ALL`], in the same order.
    const NAMES: &'static [&'static str];

    /// The variant of this name.
    fn parse(name: &str) -> Option<Self> {
        Self::NAMES.iter().position(|known| *known == name).and_then(|index| Self::ALL.get(index).copied())
    }
}

/// Declares an enum together with the names of its variants. It serialises as the name; an unknown name is an error that
/// lists the known ones.
///
/// A macro of ours, because the derives of serde and of `strum` would each hold a list of their own.
macro_rules! named_enum {
    (
        $(#[$attribute:meta])*
        $visible:vis enum $enum:ident {
            $($(#[$of_variant:meta])* $variant:ident = $name:literal,)+
        }
    ) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        $visible enum $enum {
            $($(#[$of_variant])* $variant,)+
        }

        impl $enum {
            /// The name in the store, in files and in output.
            $visible fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }

        impl $crate::model::Named for $enum {
            const ALL: &'static [Self] = &[$(Self::$variant,)+];
            const NAMES: &'static [&'static str] = &[$($name,)+];
        }

        impl serde::Serialize for $enum {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $enum {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let name = <String as serde::Deserialize>::deserialize(deserializer)?;
                <Self as $crate::model::Named>::parse(&name).ok_or_else(|| {
                    serde::de::Error::unknown_variant(&name, <Self as $crate::model::Named>::NAMES)
                })
            }
        }
    };
}
pub(crate) use named_enum;

#[cfg(test)]
mod tests {
    use super::*;

    named_enum! {
        enum Colour {
            Red = "red",
            DarkBlue = "dark_blue",
        }
    }

    #[test]
    fn every_variant_is_read_back_from_its_name() {
        assert_eq!(Colour::NAMES, ["red", "dark_blue"]);
        for colour in Colour::ALL {
            assert_eq!(Colour::parse(colour.as_str()), Some(*colour));
            let json = serde_json::to_string(colour).unwrap();
            assert_eq!(serde_json::from_str::<Colour>(&json).unwrap(), *colour);
        }
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_known_ones() {
        assert_eq!(Colour::parse("Red"), None);
        let error = serde_json::from_str::<Colour>("\"green\"").unwrap_err().to_string();
        assert!(error.starts_with("unknown variant `green`, expected `red` or `dark_blue`"), "{error}");
    }
}
